from __future__ import annotations

from study.report.trial_document import study_note, trial_note
from study.storage.records import Draw
from tests.report import rendered
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
    two_objectives,
)


def test_a_trial_s_note_describes_network_measures_and_cost() -> None:
    note = trial_note(seed_trial(0, value=0.8193), summary())
    assert note.startswith("**Conv layers: 2, Hidden units: 219, Dropout: 0.2, Accuracy: 0.8193**")
    assert "- Network: conv3-32 → max → conv3-32 → max → flatten → 219 → 4" in note
    assert "- Metrics: validation accuracy 0.8193" in note
    assert "Cost: 3 epochs, 12.5 s" in note


def test_a_note_says_why_a_trial_was_pruned_reused_or_failed() -> None:
    assert "State: pruned at epoch 1: 0.6000, cut 0.7810" in trial_note(pruned(0), summary())
    assert "duplicate of 3: same network" in trial_note(duplicate(4, 3), summary())
    note = trial_note(failed(0), summary())
    assert "State: failed: out of memory. tried to allocate 20 GiB" in note


def test_a_large_space_s_note_stays_short() -> None:
    note = trial_note(stages_study(1)[0], summary(parameters=()))
    assert "Stage 1" not in note
    assert "→" in note


def test_the_study_s_note_describes_settings_data_and_how_to_continue() -> None:
    note = study_note([seed_trial(2, value=0.8193)], summary())
    assert "best so far, trial 2" in note
    assert "| Sampler | tpe |" in note
    assert "\noctmnist: 97,477 training" in note
    assert "\nstudy-nas resume seed" in note


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
    assert "Cost: 3 epochs, 2 of them in an earlier trial, 12.5 s" in note


def test_the_study_s_note_describes_what_was_confirmed_and_tested() -> None:
    note = study_note(seed_study(8), full_summary())
    assert "Trial 7 (candidate 0000000000000007) is chosen: validation accuracy 0.8103" in note
    assert "Test accuracy 0.7650" in note
    assert "The test part was opened 2 times." in note


def test_a_trial_s_note_has_its_confusion_matrix_where_the_classes_are_few() -> None:
    study = summary(classes=("grey", "white"))
    note = trial_note(seed_trial(0, facts={"confusion": [[30, 2], [5, 1200]]}), study)
    assert "| 1 white | 5 | 1,200 |" in note
    many = [[1] * 20] * 20
    assert "true class" not in trial_note(seed_trial(0, facts={"confusion": many}), study)
    assert "true class" not in trial_note(seed_trial(0), study)


def test_the_best_of_two_objectives_is_the_front() -> None:
    pairs = [(0.9, 10.0), (0.8, 5.0), (0.7, 20.0)]
    records = [seed_trial(n, objectives=pair) for n, pair in enumerate(pairs)]
    text = rendered.best(records, summary(objectives=two_objectives()))
    assert [f"trial {number}:" in text for number in range(3)] == [True, True, False]
