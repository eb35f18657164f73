"""One candidate proposed again: after it was lost, pruned, or failed for good."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from study import objective
from study.common.stop import Stop
from study.performance_estimation.estimator import Estimate, Estimator, Report, Step
from study.running.study_runner import prepare, run_study
from study.running.worker import make_worker
from study.search_space.candidate import Candidate, ImageFormat
from study.search_space.resolve import candidate_id
from study.settings.run_context import RunContext
from study.storage.checkpoints import SUFFIX, study_folder
from study.storage.lifecycle import StudyState, study_state
from study.storage.records import TrialRecord, read_trials
from tests.studies import outcome, settings

DIGITS = ImageFormat(classes=10)
SPACE = """
name: tiny
parameters:
  conv_layers: {type: int, low: 1, high: 5}
  hidden_units: 16
  dropout: {type: categorical, choices: [0, 0.2, 0.4, 0.6]}
"""


def work(
    folder: Path, estimator: Estimator, **changes: Any
) -> tuple[list[TrialRecord], StudyState]:
    """Run a study in this process with an estimator of the test's own."""
    asked, run_context = (
        settings(space_text=SPACE, **changes),
        RunContext(url=f"sqlite:///{folder}/study.db"),
    )
    stored, _ = prepare(asked, run_context, stop=Stop())
    worker = make_worker(stored, run_context, stop=Stop())
    replace(worker, context=replace(worker.context, estimator=estimator)).run()
    trials = read_trials(stored.study.get_trials(deepcopy=False))
    return trials, study_state(trials, retries=asked.retries)


class CrashesWhereDeep:
    """An estimator that breaks for every network of three layers."""

    def estimate(self, candidate: Candidate, *, seed: int, report: Report) -> Estimate:
        report(Step(number=1, metrics={"val_accuracy": 0.5}, seconds=0.0))
        if candidate.architecture.conv_layers >= 3:
            raise ValueError("too deep")
        return Estimate(metrics={"val_accuracy": 0.5}, epochs=1.0)


def test_the_duplicate_of_a_candidate_that_crashed_for_good_is_not_trained_again(
    tmp_path: Path,
) -> None:
    trials, state = work(tmp_path, CrashesWhereDeep(), sampler="grid", trials=None, timeout=100.0)
    trained = Counter(t.candidate_id for t in trials if t.failure and not t.failure.copied)
    assert set(trained.values()) == {4}  # once, and three retries
    assert len(state.finished) == 3 * 4
    assert len(state.duplicates) == 2 * 4
    copies = [t for t in trials if t.failure and t.failure.copied]
    assert {t.failure.kind for t in copies if t.failure} == {"crash"}
    assert not any(t.lost for t in copies)


def test_a_duplicate_that_was_killed_while_its_result_was_copied_stays_one(tmp_path: Path) -> None:
    asked = settings(space_text=SPACE, sampler="grid", trials=10)
    whole = run_study(asked, RunContext(url=f"sqlite:///{tmp_path}/whole.db"))
    run_context = RunContext(url=f"sqlite:///{tmp_path}/killed.db")
    child = os.fork()
    if child == 0:
        objective._reuse = lambda *_: os._exit(9)
        run_study(asked, run_context)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    resumed = run_study(asked, run_context)
    assert outcome(resumed.trials) == outcome(whole.trials)
    (killed,) = (t for t in resumed.trials if t.lost)
    (again,) = (t for t in resumed.trials if t.draw and t.draw.retry_of == killed.number)
    assert (again.epochs, again.reused_from) == (
        0,
        next(t.reused_from for t in whole.trials if t.sequence_index == killed.sequence_index),
    )


@pytest.mark.parametrize("pruner", ["hyperband", "asha"])
def test_a_candidate_that_was_pruned_and_then_completed_is_trained_no_more(
    tmp_path: Path, pruner: str
) -> None:
    asked = settings(space_text=SPACE, sampler="random", pruner=pruner, epochs=6, trials=40)
    result = run_study(asked, RunContext(url=f"sqlite:///{tmp_path}/study.db"))
    trained = Counter(
        t.candidate_id for t in result.trials if t.state == "complete" and t.reused_from is None
    )
    assert max(trained.values()) == 1
    assert "distinct candidates of the space have been tried" in result.work.text


@dataclass(kw_only=True)
class BreaksWhenContinued:
    """An estimator that leaves a checkpoint, and breaks where it finds one."""

    inner: Estimator
    folder: Path
    stop: Stop
    calls: int = 0

    def estimate(self, candidate: Candidate, *, seed: int, report: Report) -> Estimate:
        self.calls += 1
        if self.calls > 60:
            self.stop.request()  # for ever, but for this
        checkpoint = self.folder / f"{candidate_id(candidate, DIGITS)}{SUFFIX}"
        if checkpoint.exists():
            raise ValueError("breaks when continued")
        checkpoint.write_bytes(b"x")
        return self.inner.estimate(candidate, seed=seed, report=report)


def test_a_candidate_that_breaks_when_it_is_continued_is_given_up_and_stays_pruned(
    tmp_path: Path,
) -> None:
    asked = settings(sampler="random", trials=12, pruner="asha,reduction_factor=2", epochs=8)
    run_context, stop = RunContext(url=f"sqlite:///{tmp_path}/study.db"), Stop()
    stored, _ = prepare(asked, run_context, stop=stop)
    worker = make_worker(stored, run_context, stop=stop)
    folder = study_folder(None, run_context.url, "test") / "checkpoints"
    assert isinstance(folder, Path)
    folder.mkdir(parents=True)
    breaking = BreaksWhenContinued(inner=worker.context.estimator, folder=folder, stop=stop)
    ended = replace(worker, context=replace(worker.context, estimator=breaking)).run()
    trials = read_trials(stored.study.get_trials(deepcopy=False))
    state = study_state(trials, retries=asked.retries)
    assert (ended.ending, len(state.finished)) == ("done", 12)
    tried = Counter(t.sequence_index for t in trials if t.draw and t.draw.continues is not None)
    assert tried
    assert set(tried.values()) == {1 + asked.retries}
    assert state.given_up == set(tried)
    assert {state.latest[index].state for index in state.given_up} == {"pruned"}
