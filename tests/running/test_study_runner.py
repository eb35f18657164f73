"""Whole studies: parts and restarts, errors before anything is written, and limits."""

from __future__ import annotations

import time
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from study.common.errors import ResumeError, SettingsError
from study.common.stop import Stop
from study.performance_estimation.estimator import Interrupted
from study.running.study_runner import StudyResult, run_study
from study.storage.costs import read_processes, wall_seconds
from study.storage.stored_study import open_study
from tests.studies import outcome, run_context, settings, worker_with


def test_a_study_has_exactly_the_trials_asked_for_and_a_finished_one_gets_no_more(
    tmp_path: Path,
) -> None:
    first = run_study(settings(trials=6), run_context(tmp_path))
    assert len(first.state.finished) == 6
    again = run_study(settings(trials=6), run_context(tmp_path))
    assert [t.number for t in again.trials] == [t.number for t in first.trials]


@pytest.mark.parametrize(
    "sampler",
    ["tpe", "grid", *(pytest.param(name, marks=pytest.mark.slow) for name in ("random", "qmc"))],
)
def test_a_study_in_parts_is_the_study_in_one_piece(tmp_path: Path, sampler: str) -> None:
    whole = run_study(settings(trials=14, sampler=sampler), run_context(tmp_path / "a"))
    for trials in (3, 4, 11, 14):
        parts = run_study(settings(trials=trials, sampler=sampler), run_context(tmp_path / "b"))
    assert outcome(parts.trials) == outcome(whole.trials)


def test_a_trial_left_running_by_a_dead_process_is_repeated_with_the_same_candidate(
    tmp_path: Path,
) -> None:
    whole = run_study(settings(trials=12), run_context(tmp_path / "a"))
    run_study(settings(trials=5), run_context(tmp_path / "b"))
    stored = open_study("test", run_context(tmp_path / "b").url)
    stored.study._storage.create_new_trial(stored.study._study_id)
    rest = run_study(settings(trials=12), run_context(tmp_path / "b"))
    assert outcome(rest.trials) == outcome(whole.trials)
    assert len(rest.state.finished) == 12
    assert [t.number for t in rest.trials if t.state == "failed"] == [5]


def test_other_settings_are_refused_with_the_differences(tmp_path: Path) -> None:
    run_study(settings(trials=2), run_context(tmp_path))
    with pytest.raises(ResumeError, match="sampler: stored tpe, asked for random"):
        run_study(settings(trials=2, sampler="random"), run_context(tmp_path))
    assert len(open_study("test", run_context(tmp_path).url).study.trials) == 2


def test_a_stop_asked_for_beforehand_draws_nothing(tmp_path: Path) -> None:
    stop = Stop()
    stop.request()
    result = run_study(settings(), run_context(tmp_path), stop=stop)
    assert result.work.ending == "interrupted"
    assert result.trials == ()


def test_pruning_keeps_the_curve_and_the_reason(tmp_path: Path) -> None:
    result = run_study(settings(trials=20, pruner="asha", epochs=9), run_context(tmp_path))
    pruned = [t for t in result.trials if t.state == "pruned"]
    assert pruned
    assert all(t.reason and len(t.curve) == t.epochs for t in pruned if t.reused_from is None)


@pytest.mark.parametrize(
    ("changes", "remedy"),
    [
        ({"objectives": ("accuracy", "macs"), "pruner": "median"}, "one objective only"),
        ({"sampler": "tpee"}, "did you mean"),
        (
            {"objectives": ("accuracy", "synflow")},
            "write --metric accuracy or --estimator synflow",
        ),
        (
            {"objectives": ("naswot",)},
            "--metric naswot: .* write --metric accuracy or --estimator",
        ),
        ({"objectives": ("auc", "snip"), "estimator": "supernet"}, "does not measure snip"),
        (
            {"objectives": ("snip",), "estimator": "synflow"},
            "--metric synflow or --estimator snip",
        ),
        ({"objectives": ("accuracy",), "estimator": "synflow"}, "write --metric synflow$"),
        ({"objectives": ("macs",)}, "write --objectives accuracy,macs$"),
        ({"objectives": ("latency",), "estimator": "train"}, "--objectives accuracy,latency$"),
        ({"objectives": ("macs",), "estimator": "synflow"}, "--objectives synflow,macs$"),
    ],
)
def test_settings_that_do_not_fit_are_refused_before_anything_is_written(
    tmp_path: Path, changes: dict[str, Any], remedy: str
) -> None:
    with pytest.raises(SettingsError, match=remedy) as caught:
        run_study(settings(**changes), run_context(tmp_path))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "study.db").exists()


def run(folder: Path, **limits: Any) -> StudyResult:
    values = {"trials": None, "estimator": "synthetic,delay=0.02", **limits}
    return run_study(settings(**values), run_context(folder))


@pytest.mark.parametrize(
    ("limits", "finished", "said"),
    [
        ({"trials": 3, "timeout": 60.0, "epochs_budget": 90.0}, 3, "all 3 trials"),
        ({"trials": 50, "timeout": 60.0, "epochs_budget": 12.0}, 4, "12 epochs"),
        ({"trials": 5, "epochs_budget": 15.0}, 5, "5 trials"),
        ({"trials": 50, "epochs_budget": 10.0}, 3, "1 of the 10 epochs"),
    ],
)
def test_the_first_limit_that_is_reached_ends_the_study(
    tmp_path: Path, limits: dict[str, Any], finished: int, said: str
) -> None:
    result = run(tmp_path, **limits)
    assert len(result.state.finished) == finished
    assert (result.work.ending, said in result.work.text) == ("done", True), result.work


@pytest.mark.slow
def test_time_is_counted_over_all_runs_and_not_between_them(tmp_path: Path) -> None:
    start = time.monotonic()
    first = run(tmp_path, trials=4)
    limit = worked(tmp_path) + 1.0
    time.sleep(1.5)
    second = run(tmp_path, timeout=limit)
    assert "seconds" in second.work.text
    assert len(second.state.finished) > len(first.state.finished)
    assert limit <= worked(tmp_path) < time.monotonic() - start - 1.4
    third = run(tmp_path, timeout=limit)
    assert len(third.trials) == len(second.trials)


def worked(folder: Path) -> float:
    attributes = open_study("test", run_context(folder).url).study.user_attrs
    return wall_seconds(read_processes(attributes))


def test_epochs_that_were_spent_stay_spent(tmp_path: Path) -> None:
    run(tmp_path, epochs_budget=6.0)
    result = run(tmp_path, epochs_budget=12.0)
    assert sum(t.epochs for t in result.trials) == 12
    assert len(run(tmp_path, epochs_budget=12.0).trials) == len(result.trials)


def test_an_interrupted_trial_continues_though_no_whole_training_fits(tmp_path: Path) -> None:
    asked = settings(
        estimator="train", precision="float32", sampler="random", trials=None,
        epochs_budget=6.0, epochs=3, fraction=0.1,
    )  # fmt: skip
    whole = run_study(asked, run_context(tmp_path / "whole"))
    calls = count()

    def alive() -> None:
        if next(calls) == 4:  # in the second trial, after two epochs
            raise Interrupted

    worker_with(asked, run_context(tmp_path / "interrupted"), alive=alive).run()
    resumed = run_study(asked, run_context(tmp_path / "interrupted"))
    assert [t.failure.kind for t in resumed.trials if t.failure] == ["interrupted"]
    assert outcome(resumed.trials) == outcome(whole.trials)
    assert sum(t.epochs - t.restored for t in resumed.trials) == 6


def test_a_training_without_the_conditional_epochs_does_not_exceed_the_budget(
    tmp_path: Path,
) -> None:
    text = """\
name: one epoch with dropout, and the 8 that follow from the number of images without
parameters:
  channels: {type: int, low: 8, high: 64}
  dropout: {type: categorical, choices: [0, 0.5]}
  epochs: {type: categorical, choices: [1], when: {dropout: 0.5}}
"""
    lengths = set()
    for budget in (9, 10, 12, 16):  # one would be used up in the midst of eight epochs
        result = run(
            tmp_path,
            study=f"of {budget}",
            space_text=text,
            epochs_budget=budget,
            dataset="octmnist",
        )
        trained = [t.epochs for t in result.trials]
        assert budget - 8 < sum(trained) <= budget
        lengths |= set(trained)
    assert lengths == {1, 8}
