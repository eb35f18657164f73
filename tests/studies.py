"""Small studies without training, and ways to run the command line."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from study.cli import app
from study.common.stop import Stop
from study.running.study_runner import prepare
from study.running.worker import Worker, make_worker
from study.search_space.reading.loading import read_space_text
from study.settings.run_context import RunContext
from study.settings.study_settings import StudySettings, make_settings
from study.storage.lifecycle import study_state
from study.storage.records import TrialRecord, read_trials

ROOT = Path(__file__).resolve().parent.parent


def settings(**changes: Any) -> StudySettings:
    """Return settings of a study that trains nothing."""
    name, text = read_space_text("seed")
    values: dict[str, Any] = {
        "study": "test",
        "space_name": name,
        "space_text": text,
        "dataset": "digits",
        "estimator": "synthetic",
        "trials": 8,
    }
    return make_settings(**{**values, **changes})


def run_context(folder: Path, **changes: Any) -> RunContext:
    """Return a storage in a folder. A missing folder is made."""
    folder.mkdir(exist_ok=True)
    return RunContext(**{"url": f"sqlite:///{folder}/study.db", **changes})


def outcome(trials: tuple[TrialRecord, ...]) -> list[tuple[Any, ...]]:
    """Return the results that do not depend on interruptions, by sequence index."""
    done = {
        t.sequence_index: t
        for t in trials
        if t.sequence_index is not None and t.state in ("complete", "pruned")
    }
    return [(index, done[index].params, done[index].objectives) for index in sorted(done)]


def exactly(trials: tuple[TrialRecord, ...], count: int) -> None:
    """Check the guarantees for any number of workers: an exact count, and no candidate twice."""
    state = study_state(trials, retries=1000)
    assert len(state.finished) == count
    trained = [state.latest[index].candidate_id for index in state.finished]
    assert len(set(trained)) == count
    assert not [t for t in trials if t.state == "running"]
    complete = [t.sequence_index for t in trials if t.state == "complete"]
    assert len(complete) == len(set(complete))


def worker_with(
    asked: StudySettings, run_context: RunContext, *, stop: Stop | None = None, **context: Any
) -> Worker:
    """Return the worker of a study, with these parts of its context in place of its own."""
    stop = stop or Stop()
    stored, _ = prepare(asked, run_context, stop=stop)
    worker = make_worker(stored, run_context, stop=stop)
    return replace(worker, context=replace(worker.context, **context))


def trials_of(worker: Worker) -> tuple[TrialRecord, ...]:
    """Return the trials that are stored now."""
    return tuple(read_trials(worker.stored.study.get_trials(deepcopy=False)))


def command(*arguments: str, cwd: Path) -> subprocess.Popen[str]:
    """Start the command line as a process."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    environment.pop("OPTUNA_STORAGE", None)
    return subprocess.Popen(
        [sys.executable, str(ROOT / "run_study.py"), *arguments],
        cwd=cwd,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def kill_after(*seconds: float, arguments: Sequence[str], cwd: Path) -> None:
    """Start the command line once for each number of seconds, and kill it after that time."""
    for wait in seconds:
        process = command(*arguments, cwd=cwd)
        time.sleep(wait)
        process.kill()
        process.communicate()


def invoke(*arguments: str, cwd: Path) -> tuple[int, str, str]:
    """Run the command line in this process and return exit code, stdout and stderr."""
    with contextlib.chdir(cwd):
        done = CliRunner(env={"OPTUNA_STORAGE": None}).invoke(
            app, arguments, catch_exceptions=False
        )
    return done.exit_code, done.stdout, done.stderr


def answer(*arguments: str, cwd: Path) -> tuple[int, str, str]:
    """Run the command line as a process and return exit code, stdout and stderr."""
    process = command(*arguments, cwd=cwd)
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err
