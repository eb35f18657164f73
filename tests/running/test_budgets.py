"""Limits of a study, alone and together, and the ledger they are counted by."""

from __future__ import annotations

import time
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from study.common.stop import Stop
from study.performance_estimation.estimator import Interrupted
from study.running.study_runner import StudyResult, prepare, run_study
from study.running.worker import make_worker
from study.settings.run_context import RunContext
from study.storage.costs import read_processes, wall_seconds
from study.storage.stored_study import open_study
from tests.studies import outcome, settings


def run(folder: Path, **limits: Any) -> StudyResult:
    values = {"trials": None, "estimator": "synthetic,delay=0.02", **limits}
    return run_study(settings(**values), RunContext(url=f"sqlite:///{folder}/study.db"))


@pytest.mark.parametrize(
    ("limits", "finished", "said"),
    [
        ({"trials": 3, "timeout": 60.0, "epochs_budget": 90.0}, 3, "all 3 trials"),
        ({"trials": 50, "timeout": 60.0, "epochs_budget": 12.0}, 4, "12 epochs"),
        ({"trials": 5, "epochs_budget": 15.0}, 5, "5 trials"),
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
    attributes = open_study("test", f"sqlite:///{folder}/study.db").study.user_attrs
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
    whole = run_study(asked, RunContext(url=f"sqlite:///{tmp_path}/whole.db"))
    run_context, calls = RunContext(url=f"sqlite:///{tmp_path}/interrupted.db"), count()
    stored, _ = prepare(asked, run_context, stop=Stop())
    worker = make_worker(stored, run_context, stop=Stop())

    def alive() -> None:
        if next(calls) == 4:  # in the second trial, after two epochs
            raise Interrupted

    replace(worker, context=replace(worker.context, alive=alive)).run()
    resumed = run_study(asked, run_context)
    assert [t.failure.kind for t in resumed.trials if t.failure] == ["interrupted"]
    assert outcome(resumed.trials) == outcome(whole.trials)
    assert sum(t.epochs - t.restored for t in resumed.trials) == 6


def test_a_training_without_the_conditional_epochs_does_not_exceed_the_budget(
    tmp_path: Path,
) -> None:
    text = """\
name: one epoch with dropout, and the three of a space that names none without
parameters:
  channels: {type: int, low: 8, high: 64}
  dropout: {type: categorical, choices: [0, 0.5]}
  epochs: {type: categorical, choices: [1], when: {dropout: 0.5}}
"""
    lengths = set()
    for budget in (5, 6, 7, 8):  # one of them would be used up in the midst of three epochs
        result = run(tmp_path, study=f"of {budget}", space_text=text, epochs_budget=budget)
        trained = [t.epochs for t in result.trials]
        assert budget - 3 < sum(trained) <= budget
        lengths |= set(trained)
    assert lengths == {1, 3}
