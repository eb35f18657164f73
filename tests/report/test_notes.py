from __future__ import annotations

from study.report.notes import study_note, trial_note
from study.storage.records import Draw
from tests.report.builders import (
    PASSWORD,
    duplicate,
    failed,
    full_summary,
    pruned,
    seed_study,
    seed_trial,
    stages_study,
    summary,
)


def test_a_trial_s_note_tells_network_measures_and_cost() -> None:
    note = trial_note(seed_trial(0, value=0.8193), summary())
    assert note.startswith("**Conv layers: 2, Hidden units: 219, Dropout: 0.2, Accuracy: 0.8193**")
    assert "`conv3-32 → max → conv3-32 → max → flatten → 219 → 4`" in note
    assert "- validation accuracy 0.8193" in note
    assert "Cost: 3 epochs, 12.5 s" in note


def test_a_note_says_why_a_trial_was_pruned_reused_or_failed() -> None:
    assert "State: pruned at epoch 1: 0.6000, cut 0.7810" in trial_note(pruned(0), summary())
    assert "twin of 3: the same network" in trial_note(duplicate(4, 3), summary())
    note = trial_note(failed(0), summary())
    assert "State: failed: out of memory. tried to allocate 20 GiB" in note


def test_a_large_space_s_note_stays_short() -> None:
    note = trial_note(stages_study(1)[0], summary(parameters=()))
    assert "Stage 1" not in note
    assert "→" in note


def test_the_study_s_note_tells_settings_data_and_how_to_go_on() -> None:
    note = study_note([seed_trial(2, value=0.8193)], summary())
    assert "best so far, trial 2" in note
    assert "| Sampler | tpe |" in note
    assert "    octmnist: 97,477 training" in note
    assert "    study-nas resume seed" in note


def test_an_empty_study_s_note_reads_well() -> None:
    assert "0 finished trials; no result yet." in study_note([], summary())


def test_markup_and_passwords_in_a_note_are_harmless() -> None:
    url = f"postgresql://nas:{PASSWORD}@h/db"
    note = study_note([], summary(name="<script>*x*", settings={"storage": url}))
    assert r"\<script\>\*x\*" in note
    assert PASSWORD not in note


def test_a_repeated_trial_says_which_one_it_repeats_and_what_that_had_trained() -> None:
    record = seed_trial(9, draw=Draw(sequence_index=4, retry_of=4), restored=2.0)
    note = trial_note(record, summary())
    assert "State: complete (repeat of 4)" in note
    assert "Cost: 3 epochs, 2 of them taken over, 12.5 s" in note


def test_the_study_s_note_tells_what_was_confirmed_and_tested() -> None:
    note = study_note(seed_study(8), full_summary())
    assert "- Trial 7 is confirmed: validation accuracy 0.8103" in note
    assert "- Test accuracy 0.7650" in note
    assert "- The test part was opened 2 times." in note
