"""What is tried next: enqueued candidates, duplicates, lost and pruned ones, to the last one."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from study import objective
from study.common.stop import Stop
from study.performance_estimation.estimator import Estimate, Estimator, Report, Step
from study.running.candidate_source.source import make_source
from study.running.study_runner import run_study
from study.search_space.candidate import Candidate, ImageFormat
from study.search_space.reading.loading import load_space, read_space_text
from study.search_space.resolve import candidate_id
from study.search_strategy.registry import SAMPLERS
from study.search_strategy.samplers import non_adaptive
from study.storage.checkpoints import SUFFIX, study_folder
from study.storage.lifecycle import study_state
from study.storage.stored_study import create_or_load
from tests.studies import outcome, run_context, settings, trials_of, worker_with

ROWS = load_space("seed_rows").enqueue
DATA = {
    "name": "digits",
    "image": {"channels": 1, "size": 28, "classes": 10},
    "sha256": "",
    "train_images": 1_078,
}
NINE = """
name: nine
parameters:
  conv_layers: {type: int, low: 1, high: 3}
  hidden_units: {type: categorical, choices: [16, 32, 64]}
  epochs: 3
"""
ALL = "all 9 distinct candidates of the space have been tried"
TINY = """
name: tiny
parameters:
  epochs: 3
  conv_layers: {type: int, low: 1, high: 5}
  hidden_units: 16
  dropout: {type: categorical, choices: [0, 0.2, 0.4, 0.6]}
"""


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_the_shipped_rows_are_tried_first_by_every_sampler(tmp_path: Path, sampler: str) -> None:
    name, text = read_space_text("seed_rows")
    objectives = ("accuracy", "macs") if sampler == "nsga2" else ("accuracy",)
    asked = settings(
        space_name=name, space_text=text, sampler=sampler, objectives=objectives, trials=20
    )
    stored, _ = create_or_load(asked, run_context(tmp_path).url, data=DATA, environment={})
    source, empty = make_source(stored), study_state((), retries=0)
    for index, row in enumerate(ROWS):
        drawn = source.next(replace(empty, next_index=index))
        assert drawn is not None
        assert drawn.values == dict(row)
        assert (drawn.draw.sequence_index, drawn.draw.source) == (index, "enqueued")


def test_with_as_many_trials_as_rows_a_study_trains_the_list_and_nothing_else(
    tmp_path: Path,
) -> None:
    assert len(ROWS) == 15
    name, text = read_space_text("seed_rows")
    asked = settings(space_name=name, space_text=text, trials=15)
    result = run_study(asked, run_context(tmp_path))
    assert [dict(t.params) for t in result.trials] == [dict(row) for row in ROWS]
    assert all(t.reused_from is None and t.draw for t in result.trials)


def test_the_rows_are_tried_in_a_fork_and_after_a_restart_too(tmp_path: Path) -> None:
    run_study(settings(study="old", sampler="random", trials=4), run_context(tmp_path))
    name, text = read_space_text("seed_rows")
    for trials in (1, 3):
        asked = settings(study="new", space_name=name, space_text=text, trials=trials)
        result = run_study(asked, run_context(tmp_path), fork_of="old")
    drawn = [t for t in result.trials if t.sequence_index is not None]
    assert [dict(t.params) for t in drawn] == [dict(row) for row in ROWS[:3]]
    assert len(result.trials) == 4 + 3


@pytest.mark.parametrize(
    ("sampler", "text", "patience"),
    [
        ("grid", "all 9 points of the grid are done", non_adaptive.PATIENCE),
        ("random", ALL, non_adaptive.PATIENCE),
        *(
            (name, ALL, patience)
            for name in ("qmc", "auto", "surrogate,start=50")
            for patience in (non_adaptive.PATIENCE, 0)
        ),
    ],
)
def test_a_study_without_limit_tries_every_candidate_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sampler: str, text: str, patience: int
) -> None:
    """Without patience a quasi-random sequence leaves candidates out, as in lopsided spaces."""
    monkeypatch.setattr(non_adaptive, "PATIENCE", patience)
    asked = settings(space_text=NINE, sampler=sampler, trials=None, timeout=100)
    result = run_study(asked, run_context(tmp_path))

    assert (result.work.ending, result.work.text) == ("exhausted", text)
    assert len({trial.candidate_id for trial in result.trials}) == 9


def test_a_thinned_grid_ends_with_the_number_of_its_points(tmp_path: Path) -> None:
    thinned = NINE.replace("low: 1, high: 3", "low: 1, high: 3, grid_points: 2")
    asked = settings(space_text=thinned, sampler="grid", trials=None, timeout=100)
    result = run_study(asked, run_context(tmp_path))

    assert result.work.text == "all 6 points of the grid are done"


def test_a_duplicate_costs_no_budget_and_names_its_origin(tmp_path: Path) -> None:
    text = TINY.replace(
        "hidden_units: 16", "hidden_units: {type: int, low: 16, high: 512, grid_points: 3}"
    )
    asked = settings(space_text=text, sampler="grid", trials=None, timeout=100)
    result = run_study(asked, run_context(tmp_path))
    trained = [t for t in result.trials if t.reused_from is None]
    assert len(trained) == len({t.candidate_id for t in trained}) == 3 * 3 * 4
    assert result.work.ending == "exhausted"
    by_number = {t.number: t for t in result.trials}
    for duplicate in result.trials:
        if isinstance(duplicate.reused_from, int):
            assert by_number[duplicate.reused_from].objectives == duplicate.objectives
            assert duplicate.epochs == 0


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
    asked = settings(space_text=TINY, sampler="grid", trials=None, timeout=100.0)
    worker = worker_with(asked, run_context(tmp_path), estimator=CrashesWhereDeep())
    worker.run()
    trials = trials_of(worker)
    state = study_state(trials, retries=asked.retries)
    trained = Counter(t.candidate_id for t in trials if t.failure and not t.failure.copied)
    assert set(trained.values()) == {4}  # once, and three retries
    assert len(state.finished) == 3 * 4
    assert len(state.duplicates) == 2 * 4
    copies = [t for t in trials if t.failure and t.failure.copied]
    assert {t.failure.kind for t in copies if t.failure} == {"crash"}
    assert not any(t.lost for t in copies)


def test_a_duplicate_that_was_killed_while_its_result_was_copied_stays_one(tmp_path: Path) -> None:
    asked = settings(space_text=TINY, sampler="grid", trials=10)
    whole = run_study(asked, run_context(tmp_path / "whole"))
    killed_context = run_context(tmp_path / "killed")
    child = os.fork()
    if child == 0:
        objective._reuse = lambda *_: os._exit(9)
        run_study(asked, killed_context)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    resumed = run_study(asked, killed_context)
    assert outcome(resumed.trials) == outcome(whole.trials)
    (killed,) = (t for t in resumed.trials if t.lost)
    (again,) = (t for t in resumed.trials if t.draw and t.draw.retry_of == killed.number)
    (undisturbed,) = (t for t in whole.trials if t.sequence_index == killed.sequence_index)
    assert (again.epochs, again.reused_from) == (0, undisturbed.reused_from)


@pytest.mark.parametrize("pruner", [pytest.param("hyperband", marks=pytest.mark.slow), "asha"])
def test_a_candidate_that_was_pruned_and_then_completed_is_trained_no_more(
    tmp_path: Path, pruner: str
) -> None:
    asked = settings(space_text=TINY, sampler="random", pruner=pruner, epochs=6, trials=40)
    result = run_study(asked, run_context(tmp_path))
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
            self.stop.request()  # else it would continue for ever
        checkpoint = self.folder / f"{candidate_id(candidate, ImageFormat(classes=10))}{SUFFIX}"
        if checkpoint.exists():
            raise ValueError("breaks when continued")
        checkpoint.write_bytes(b"x")
        return self.inner.estimate(candidate, seed=seed, report=report)


def test_a_candidate_that_breaks_when_it_is_continued_is_given_up_and_stays_pruned(
    tmp_path: Path,
) -> None:
    asked = settings(sampler="random", trials=12, pruner="asha,reduction_factor=2", epochs=8)
    stop = Stop()
    worker = worker_with(asked, run_context(tmp_path), stop=stop)
    folder = study_folder(None, worker.stored.url, "test") / "checkpoints"
    assert isinstance(folder, Path)
    folder.mkdir(parents=True)
    breaking = BreaksWhenContinued(inner=worker.context.estimator, folder=folder, stop=stop)
    ended = replace(worker, context=replace(worker.context, estimator=breaking)).run()
    trials = trials_of(worker)
    state = study_state(trials, retries=asked.retries)
    assert (ended.ending, len(state.finished)) == ("done", 12)
    tried = Counter(t.sequence_index for t in trials if t.draw and t.draw.continues is not None)
    assert tried
    assert set(tried.values()) == {1 + asked.retries}
    assert state.given_up == set(tried)
    assert {state.latest[index].state for index in state.given_up} == {"pruned"}
