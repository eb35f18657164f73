"""Shared weights in a whole study: trained once, counted, resumed, and in turns with a policy."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from study.common.errors import SettingsError
from study.report.study_summary import summarise_study
from study.running.progress import Lines
from study.running.study_runner import StudyResult, run_study
from study.search_space.candidate import OCTMNIST
from study.settings.problem import Problem
from study.settings.study_settings import StudySettings
from study.storage.costs import FixedCost, read_costs
from study.storage.lifecycle import study_state
from study.storage.records import TrialRecord
from study.storage.stored_study import load_trials
from tests.report import rendered
from tests.studies import answer, kill_after, outcome, run_context, settings

SPACE = """
name: shared
parameters:
  conv_layers: {type: int, low: 1, high: 3}
  channels: {type: categorical, choices: [4, 8]}
  hidden_units: {type: categorical, choices: [8, 16, 24, 32]}
  batch_size: 256
  epochs: 3
"""


def supernet(**changes: Any) -> StudySettings:
    values = {
        "space_text": SPACE,
        "estimator": "supernet,epochs=3,paths=uniform",
        "precision": "float32",
        "trials": 9,
        "sampler": "random",
        "fraction": 0.3,
    }
    return settings(**{**values, **changes})


def is_own(trial: TrialRecord) -> bool:
    return trial.state == "complete" and trial.reused_from is None


def weights_of(result: StudyResult) -> list[Any]:
    return [t.facts.get("supernet_epochs") for t in result.trials if is_own(t)]


def test_the_shared_weights_are_trained_once_and_counted(tmp_path: Path) -> None:
    run_study(supernet(trials=2), run_context(tmp_path))
    (file,) = tmp_path.rglob("supernet.pt")
    written = file.stat().st_mtime_ns
    result = run_study(supernet(), run_context(tmp_path))
    assert file.stat().st_mtime_ns == written
    (cost,) = read_costs(result.stored.study.user_attrs)
    assert (cost.what, cost.epochs) == ("supernet", 3)
    assert {t.epochs for t in result.trials} == {0}
    assert set(weights_of(result)) == {3}


@pytest.mark.parametrize(
    "first",
    [
        {},
        pytest.param({"estimator": "supernet,epochs=3,paths=sandwich"}, marks=pytest.mark.slow),
        pytest.param(
            {"estimator": "supernet,epochs=3,paths=uniform,trials_per_epoch=1"},
            marks=pytest.mark.slow,
        ),
    ],
)
def test_weights_of_a_removed_study_of_the_same_name_are_not_reused(
    tmp_path: Path, first: dict[str, Any]
) -> None:
    """The policy of the removed study may have drawn their paths."""
    enas = {"sampler": "reinforce", "trials": 6}
    fresh = run_study(supernet(**enas), run_context(tmp_path / "fresh"))
    run_study(supernet(**{**enas, **first}), run_context(tmp_path / "used"))
    (file,) = (tmp_path / "used").rglob("supernet.pt")
    written = file.stat().st_mtime_ns
    (tmp_path / "used" / "study.db").unlink()
    again = run_study(supernet(**enas), run_context(tmp_path / "used"))
    assert file.stat().st_mtime_ns > written
    assert weights_of(again) == weights_of(fresh)
    assert outcome(again.trials) == outcome(fresh.trials)


def test_the_report_says_that_values_are_estimates(tmp_path: Path) -> None:
    result = run_study(supernet(trials=2), run_context(tmp_path))
    summary = summarise_study(result.stored, result.trials)
    assert "train the best from scratch" in rendered.best(result.trials, summary)
    assert any("estimates by shared weights" in notice for notice in summary.notices)


def test_policy_and_weights_in_turns_in_parts_are_those_in_one_piece(tmp_path: Path) -> None:
    enas = {"sampler": "reinforce", "estimator": "supernet,epochs=3,trials_per_epoch=2"}
    whole = run_study(supernet(**enas, trials=6), run_context(tmp_path / "a"))
    for trials in (1, 4, 6):
        parts = run_study(supernet(**enas, trials=trials), run_context(tmp_path / "b"))
    assert outcome(parts.trials) == outcome(whole.trials)
    assert weights_of(parts) == weights_of(whole)
    for trial in whole.trials:
        if is_own(trial):
            assert trial.sequence_index is not None
            assert trial.facts["supernet_epochs"] == min(1 + trial.sequence_index // 2, 3)


def test_reinforce_on_shared_weights_takes_turns_by_itself(tmp_path: Path) -> None:
    result = run_study(supernet(sampler="reinforce", trials=7), run_context(tmp_path))
    assert set(weights_of(result)) == {1, 2}


RATES = SPACE.replace(
    "batch_size: 256", "learning_rate: {type: categorical, choices: [0.001, 0.1]}"
)
SHORT = {"trials": 3, "epochs_budget": 3}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"space_text": RATES}, "cannot score values of learning_rate"),
        ({"estimator": "supernet", "epochs_budget": 40}, "trains 48 epochs before the first"),
        ({"estimator": "supernet,trials_per_epoch=2", "sampler": "qmc"}, "learns nothing"),
        ({**SHORT, "estimator": "supernet", "sampler": "reinforce"}, "trains 4 epochs before"),
        ({**SHORT, "estimator": "supernet,trials_per_epoch=3"}, "trains 4 epochs before"),
    ],
)
def test_what_the_weights_cannot_do_is_refused_before_anything_is_written(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        run_study(supernet(**changes), run_context(tmp_path))
    assert not (tmp_path / "study.db").exists()


def test_with_turns_only_the_first_epoch_has_to_fit_the_budget(tmp_path: Path) -> None:
    enas = {"sampler": "reinforce", "estimator": "supernet", "trials": 3}
    result = run_study(supernet(**enas, epochs_budget=6), run_context(tmp_path))
    assert len(result.state.finished) == 3


def test_an_epochs_budget_lets_estimates_be_made_after_the_weights(tmp_path: Path) -> None:
    result = run_study(supernet(epochs_budget=3.5, trials=4), run_context(tmp_path))
    assert len(result.state.finished) == 4


@pytest.mark.slow
def test_weights_and_policy_killed_at_any_moment_end_the_same(tmp_path: Path) -> None:
    (tmp_path / "shared.yaml").write_text(SPACE)
    arguments = (
        "run", "../shared.yaml", "--dataset", "digits", "--trials", "14", "--precision", "float32",
        "--estimator", "supernet,epochs=40,paths=uniform,trials_per_epoch=1",
        "--sampler", "reinforce", "--workers", "2", "--retries", "50", "--quiet",
    )  # fmt: skip
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    killed.mkdir()
    assert answer(*arguments, cwd=whole)[0] == 0
    kill_after(4.0, 4.5, 5.0, 5.5, arguments=arguments, cwd=killed)
    assert answer(*arguments, cwd=killed)[0] == 0
    found = [
        load_trials("shared", f"sqlite:///{folder}/study.db")[1] for folder in (whole, killed)
    ]
    assert outcome(found[0]) == outcome(found[1])


def test_what_is_done_before_the_first_trial_is_shown_as_it_grows() -> None:
    out = io.StringIO()
    lines = Lines(Problem(settings=supernet(), image=OCTMNIST), out)
    for epochs in (1, 1, 2):
        cost = FixedCost(what="supernet", epochs=epochs, seconds=2.0 * epochs)
        lines.show((), study_state((), retries=0), [cost])
    assert out.getvalue().splitlines() == [
        "supernet: 1 epochs, 2.0 s so far",
        "supernet: 2 epochs, 4.0 s so far",
    ]
