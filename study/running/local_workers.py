"""Worker processes on this machine, and the parent that starts, restarts and stops them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

from study.common.artifact_path import artifact_path
from study.common.errors import StudyError
from study.common.machine import gpu_count
from study.common.stop import PARENT, Stop
from study.running.worker import INTERRUPTED, WorkResult
from study.settings.run_context import RunContext
from study.storage.reap import mark_interrupted
from study.storage.stored_study import StoredStudy

GRACE_SECONDS = 1.4
"""Grace period between SIGTERM and SIGKILL. The whole command has to end within two seconds; a
killed worker loses less than an epoch."""
QUICK_DEATHS = 5
QUICK_SECONDS = 10.0
"""A worker that dies this many times, each within this time and before any trial of the study has
ended, is not started again."""

ENTRY_POINT = "study.cli.worker_process"
"""Module that a worker process runs. It is started and not imported: it lies above this layer."""
TASK = "STUDY_WORKER"
"""Environment variable with the study and the context of a worker process, as JSON."""
_PATHS: Mapping[str, Callable[[str], Any]] = {"data_root": Path, "artifacts": artifact_path}


@dataclass(slots=True, kw_only=True)
class _Process:
    """A running worker.

    Args:
        deaths: How often it died in a row without progress of the study.
        finished: Number of trials that had ended when it was started again.
    """

    index: int
    process: subprocess.Popen[str]
    log: IO[str]
    deaths: int = 0
    finished: int = 0
    started: float = field(default_factory=time.monotonic)


def run_workers(
    stored: StoredStudy, run_context: RunContext, *, workers: int, stop: Stop
) -> WorkResult:
    """Run this many worker processes on a stored study until it is done.

    A worker that dies is started again. The next worker that is free repeats its trial.
    """
    name = stored.settings.study
    running = [_start(name, run_context, index, workers) for index in range(workers)]
    ended: list[_Process] = []
    try:
        while True:
            if stop.wait(0.1):
                if killed := _terminate(running):
                    mark_interrupted(stored.study, pids=killed)
                return INTERRUPTED
            for worker in [worker for worker in running if worker.process.poll() is not None]:
                running.remove(worker)
                ended.append(worker)
                result = _result(worker)
                if result is None:
                    trials = stored.study.get_trials(deepcopy=False)
                    finished = sum(trial.state.is_finished() for trial in trials)
                    deaths = _deaths(worker, finished)
                    again = _start(name, run_context, worker.index, workers)
                    again.deaths, again.finished = deaths, finished
                    running.append(again)
                elif not running:
                    return result
    finally:
        for worker in (*running, *ended):
            with worker.process, worker.log:  # waits for the process and closes its output
                worker.process.kill()


def _start(name: str, run_context: RunContext, index: int, workers: int) -> _Process:
    gpus = gpu_count() if run_context.device is None else 0
    here = replace(
        run_context,
        label=f"worker {index + 1}",
        device=f"cuda:{index % gpus}" if gpus else run_context.device,
    )
    values = {key: getattr(here, key) for key in ("url", *_PATHS, "device", "label")}
    task = {
        "study": name,
        "run_context": {key: None if v is None else str(v) for key, v in values.items()},
    }
    package = str(Path(__file__).resolve().parents[2])
    paths = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))
    variables = {TASK: json.dumps(task), PARENT: str(os.getpid()), "PYTHONPATH": paths}
    environment = {**os.environ, **variables}
    if workers > 1:
        environment.setdefault("OMP_NUM_THREADS", "1")
    log = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115
    process = subprocess.Popen(
        [sys.executable, "-m", ENTRY_POINT],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        start_new_session=True,  # a terminal's Ctrl-C reaches the parent alone, which passes it on
    )
    return _Process(index=index, process=process, log=log)


def _result(worker: _Process) -> WorkResult | None:
    """Return why a worker ended, or None where it died."""
    assert worker.process.stdout is not None
    last = worker.process.stdout.read().splitlines()[-1:]
    try:
        message: dict[str, Any] = json.loads(last[0]) if last else {}
    except json.JSONDecodeError:
        message = {}
    if "error" in message:
        raise StudyError(message["error"])
    if worker.process.returncode != 0 or "ending" not in message:
        return None
    return WorkResult(**message)


def _deaths(dead: _Process, finished: int) -> int:
    """Return how often a worker died in a row while no trial of the study ended."""
    hopeless = time.monotonic() - dead.started < QUICK_SECONDS and finished <= dead.finished
    deaths = dead.deaths + 1 if hopeless else 1
    if deaths >= QUICK_DEATHS:
        dead.log.seek(0)
        output = "\n".join(dead.log.read().splitlines()[-8:])
        raise StudyError(
            f"worker {dead.index + 1} died {deaths} times within seconds (exit code"
            f" {dead.process.returncode}); its last output:\n{output}"
        )
    return deaths


def _terminate(running: list[_Process]) -> list[int]:
    """Let every worker interrupt its trial. Kill those that take too long; return their ids."""
    for worker in running:
        worker.process.terminate()
    deadline = time.monotonic() + GRACE_SECONDS
    killed = []
    for worker in running:
        try:
            worker.process.wait(max(deadline - time.monotonic(), 0.01))
        except subprocess.TimeoutExpired:
            worker.process.kill()
            worker.process.wait()
            killed.append(worker.process.pid)
    return killed


def read_task() -> tuple[str, RunContext]:
    """Return the study and the context that the parent passed to this worker process."""
    task = json.loads(os.environ.pop(TASK))
    run_context = task["run_context"]
    for key, path_of in _PATHS.items():
        run_context[key] = None if run_context[key] is None else path_of(run_context[key])
    return task["study"], RunContext(**run_context)
