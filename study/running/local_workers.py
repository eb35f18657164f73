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
from study.running.worker import WorkResult
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


@dataclass(slots=True)
class _Process:
    """A running worker."""

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

    Raises:
        StudyError: A worker met an error that no restart solves.
    """
    name = stored.settings.study
    running = [_start(name, run_context, index, workers) for index in range(workers)]
    ended: list[_Process] = []
    results: list[WorkResult] = []
    try:
        while running:
            if stop.wait(0.1):
                if killed := _terminate(running):
                    mark_interrupted(stored.study, pids=killed)
                return WorkResult(ending="interrupted", text="stopped as asked")
            for worker in list(running):
                if worker.process.poll() is None:
                    continue
                running.remove(worker)
                ended.append(worker)
                result = _result(worker)
                if result is None:
                    finished = _finished(stored)
                    running.append(_restart(name, run_context, worker, workers, finished))
                else:
                    results.append(result)
        return results[-1]
    finally:
        _kill([*running, *ended])


def _finished(stored: StoredStudy) -> int:
    """Return the number of trials that have ended: progress between two deaths of a worker."""
    return sum(t.state.is_finished() for t in stored.study.get_trials(deepcopy=False))


def _start(name: str, run_context: RunContext, index: int, workers: int) -> _Process:
    run_context = replace(
        run_context, label=f"worker {index + 1}", device=_device(run_context, index)
    )
    values = {key: getattr(run_context, key) for key in ("url", *_PATHS, "device", "label")}
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


def _device(run_context: RunContext, index: int) -> str | None:
    """Return the worker's device: the given one, else one GPU after the other."""
    if run_context.device is not None:
        return run_context.device
    gpus = gpu_count()
    return f"cuda:{index % gpus}" if gpus else None


def _restart(
    name: str, run_context: RunContext, dead: _Process, workers: int, finished: int
) -> _Process:
    """Start a dead worker again.

    Raises:
        StudyError: It died repeatedly, and no trial of the study ended meanwhile.
    """
    hopeless = time.monotonic() - dead.started < QUICK_SECONDS and finished <= dead.finished
    deaths = dead.deaths + 1 if hopeless else 1
    if deaths >= QUICK_DEATHS:
        raise StudyError(
            f"worker {dead.index + 1} died {deaths} times within seconds (exit code"
            f" {dead.process.returncode}); its last output:\n{_last_lines(dead)}"
        )
    worker = _start(name, run_context, dead.index, workers)
    worker.deaths, worker.finished = deaths, finished
    return worker


def _result(worker: _Process) -> WorkResult | None:
    """Return why a worker ended, or None where it died.

    Raises:
        StudyError: It ended with an error for the user.
    """
    assert worker.process.stdout is not None
    lines = worker.process.stdout.read().splitlines()
    message: dict[str, Any] = {}
    if lines:
        try:
            message = json.loads(lines[-1])
        except json.JSONDecodeError:
            message = {}
    if "error" in message:
        raise StudyError(message["error"])
    if worker.process.returncode != 0 or "ending" not in message:
        return None
    return WorkResult(ending=message["ending"], text=message["text"])


def _last_lines(worker: _Process) -> str:
    worker.log.seek(0)
    return "\n".join(worker.log.read().splitlines()[-8:])


def _terminate(running: list[_Process]) -> list[int]:
    """Let every worker interrupt its trial, and kill those that take too long.

    Returns:
        The process ids of the workers that were killed.
    """
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


def _kill(running: list[_Process]) -> None:
    for worker in running:
        if worker.process.poll() is None:
            worker.process.kill()
        worker.process.wait()
        worker.log.close()
        if worker.process.stdout is not None:
            worker.process.stdout.close()


def read_task() -> tuple[str, RunContext]:
    """Return the study and the context that the parent passed to this worker process."""
    task = json.loads(os.environ.pop(TASK))
    run_context = task["run_context"]
    for key, path_of in _PATHS.items():
        run_context[key] = None if run_context[key] is None else path_of(run_context[key])
    return task["study"], RunContext(**run_context)
