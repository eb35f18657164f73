"""Everything that may go wrong in a trial or with the database, and what is kept of it."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from study.common.errors import DataError, StorageError
from study.performance_estimation.estimator import Estimate, EstimateFailed, Report, Step
from study.report.data_formats import render_csv, render_json
from study.report.study_summary import summarise_study
from study.report.trial_document import trial_note
from study.results.describe import describe_state
from study.running.candidate_source.sampled_source import SampledSource
from study.running.study_runner import run_study
from study.running.worker import WorkResult
from study.search_space.candidate import OCTMNIST, Candidate, Values
from study.settings.problem import Problem
from study.storage.lifecycle import SAME_FAILURES, study_state
from study.storage.records import TrialRecord
from study.storage.stored_study import load_trials
from tests.studies import ROOT, answer, command, run_context, settings, trials_of, worker_with

BAD = 1
"""Candidates with this number of convolution layers fail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failing:
    """An estimator that fails for some candidates."""

    error: Callable[[], BaseException]
    always: bool = False

    def estimate(self, candidate: Candidate, *, seed: int, report: Report) -> Estimate:
        report(Step(number=1, metrics={"val_accuracy": 0.5}, seconds=0.0))
        if self.always or candidate.architecture.conv_layers == BAD:
            raise self.error()
        return Estimate(metrics={"val_accuracy": 0.5 + seed % 100 / 1000}, epochs=1.0)


def work(
    folder: Path, error: Callable[[], BaseException], *, trials: int = 6, always: bool = False
) -> tuple[WorkResult, tuple[TrialRecord, ...]]:
    asked, failing = settings(trials=trials, sampler="random"), Failing(error=error, always=always)
    worker = worker_with(asked, run_context(folder), estimator=failing)
    return worker.run(), trials_of(worker)


FAILURES: dict[str, Callable[[], BaseException]] = {
    "out of memory": lambda: EstimateFailed("out of memory", "4 images at a time"),
    "non-finite": lambda: EstimateFailed("non-finite", "the loss is nan at epoch 2"),
    "data error": lambda: DataError("images.npy: 3 bytes are missing"),
    "crash": lambda: ValueError("something unforeseen"),
}


@pytest.mark.parametrize("kind", FAILURES)
def test_a_failure_is_recorded_shown_and_does_not_end_the_study(tmp_path: Path, kind: str) -> None:
    result, trials = work(tmp_path, FAILURES[kind])
    failed = [t for t in trials if t.state == "failed"]
    text = str(FAILURES[kind]())
    assert failed
    assert {t.failure.kind for t in failed if t.failure} == {kind}
    assert all(text in t.failure.text for t in failed if t.failure)
    assert result.ending == "done"
    assert any(t.state == "complete" for t in trials)
    assert len(study_state(trials, retries=3).finished) == 6
    stored, records = load_trials("test", run_context(tmp_path).url)
    summary = summarise_study(stored, records)
    for record in failed:
        assert kind in describe_state(record)
        assert text in trial_note(record, summary)
    assert text in render_csv(records, summary)
    assert text in render_json(records, summary)


def test_a_crash_is_run_again_three_times_and_then_final(tmp_path: Path) -> None:
    _, trials = work(tmp_path, FAILURES["crash"])
    by_index = Counter(trial.sequence_index for trial in trials if trial.state == "failed")
    assert set(by_index.values()) == {4}
    state = study_state(trials, retries=3)
    assert len(state.finished) == 6
    repeats = [t.draw.retry_of for t in trials if t.draw and t.draw.retry_of is not None]
    assert len(repeats) == 3 * len(by_index)


class Careless(Problem):
    """A problem whose constraints are not checked when candidates are drawn."""

    distinct = None

    def allows(self, _: Values) -> bool:
        return True


def test_a_candidate_outside_the_constraints_is_not_trained(tmp_path: Path) -> None:
    text = (
        "name: bounded\nparameters:\n  hidden_units: {type: categorical, choices: [16, 512]}\n"
        "constraints: {parameters: 100000}\n"
    )
    worker = worker_with(asked := settings(space_text=text, trials=1), run_context(tmp_path))
    assert isinstance(worker.source, SampledSource)
    careless = replace(worker.source, points=Careless(settings=asked, image=OCTMNIST))
    replace(worker, source=careless).run()
    for units, failure in ((t.params["hidden_units"], t.failure) for t in trials_of(worker)):
        assert (failure is not None) == (units == 512)
        if failure is not None:
            assert failure.kind == "constraint"
            assert "allowed: at most 100,000" in failure.text


@pytest.mark.slow
def test_a_hundred_failures_in_a_row_end_the_study_with_the_common_cause(tmp_path: Path) -> None:
    result, trials = work(tmp_path, FAILURES["data error"], trials=500, always=True)
    assert result.ending == "failing"
    assert result.text == (
        "100 candidates in a row failed, 100 of them with"
        " 'data error: images.npy: 3 bytes are missing'"
    )
    assert len(study_state(trials, retries=3).finished) == SAME_FAILURES


def test_a_locked_database_is_a_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = run_context(tmp_path)
    run_study(settings(trials=2), here)
    monkeypatch.setattr("study.storage.rdb.BUSY_SECONDS", 0.2)
    holder = sqlite3.connect(tmp_path / "study.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageError, match="database is locked; another program holds the file"):
        run_study(settings(trials=3), here)
    holder.execute("ROLLBACK")
    assert len(run_study(settings(trials=3), here).state.finished) == 3


def bound_by_modes() -> list[str]:
    """Return what a command begins with so that files' modes bind it, also as root."""
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("root may write everything, and there is no setpriv to give that up")
    return ["setpriv", "--bounding-set", "-dac_override"]


@pytest.mark.parametrize("mode", [0o777, pytest.param(0o555, marks=pytest.mark.slow)])
def test_a_database_that_cannot_be_written_is_a_clear_error(tmp_path: Path, mode: int) -> None:
    run_study(settings(trials=2), run_context(tmp_path))
    code = (
        "import sys; sys.path[:0] = [sys.argv[1]]\n"
        "from study.common.errors import StorageError\n"
        "from study.running.study_runner import run_study\n"
        "from study.settings.run_context import RunContext\n"
        "from tests.studies import settings\n"
        "try: run_study(settings(trials=3), RunContext(url='sqlite:///study.db'))\n"
        "except StorageError as error: print(error)\n"
    )
    (tmp_path / "study.db").chmod(0o444)
    tmp_path.chmod(mode)
    try:
        done = subprocess.run(
            [*bound_by_modes(), sys.executable, "-c", code, str(ROOT)],
            cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
    finally:
        tmp_path.chmod(0o755)
        (tmp_path / "study.db").chmod(0o644)
    said = "attempt to write a readonly database; make the file and its folder writable"
    assert said in done.stdout, done.stderr
    assert len(load_trials("test", run_context(tmp_path).url)[1]) == 2


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_database_that_vanishes_is_a_clear_error_and_not_made_anew(
    tmp_path: Path, workers: str
) -> None:
    arguments = (
        "run", "seed", "--dataset", "digits", "--estimator", "synthetic,delay=0.2",
        "--trials", "60", "--workers", workers, "--quiet",
    )  # fmt: skip
    process = command(*arguments, cwd=tmp_path)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and _trials_in(tmp_path / "study.db") < 3:
        time.sleep(0.2)
    for path in tmp_path.glob("study.db*"):
        if path.suffix != ".lock":
            path.unlink()
    _, error = process.communicate(timeout=90)
    assert process.returncode == 1
    assert "Traceback" not in error
    assert "has vanished or was replaced" in error or "there is no file" in error
    assert not (tmp_path / "study.db").exists()


def _trials_in(path: Path) -> int:
    if not path.exists():
        return 0
    try:
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
            return int(connection.execute("SELECT count(*) FROM trials").fetchone()[0])
    except sqlite3.OperationalError:
        return 0


@pytest.mark.slow
def test_a_study_that_was_ended_by_failures_says_so_with_its_exit_code(tmp_path: Path) -> None:
    code, _, error = answer(
        "run", "seed", "--dataset", "digits", "--estimator", "synthetic,fail=1",
        "--sampler", "random", "--trials", "300", "--workers", "2", "--quiet", cwd=tmp_path,
    )  # fmt: skip
    assert code == 1
    assert "candidates in a row failed" in error
    assert "non-finite" in error
