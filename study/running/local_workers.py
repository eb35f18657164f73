"""Many worker processes on one study, and the parent that starts, restarts and ends them."""

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
from study.common.stop import PARENT, Stop
from study.running.worker import WorkResult
from study.settings.run_context import RunContext

MAX_WORKERS = 4
PATIENCE_SECONDS = 1.4
"""A worker asked to stop has so long to park its trial; then it is killed, which loses less than
an epoch. The whole command has to end within two seconds."""
QUICK_DEATHS = 5
QUICK_SECONDS = 10.0
"""A worker that dies five times within so many seconds each, without any trial of the study ending
between, is not started again."""

ORDERS = "STUDY_WORKER"
_PATHS: Mapping[str, Callable[[str], Any]] = {"data_root": Path, "artifacts": artifact_path}


def default_workers() -> int:
    """Return one worker for each processor core, four at most."""
    return max(1, min(MAX_WORKERS, len(os.sched_getaffinity(0))))


def default_gpu_workers() -> int:
    """Return one worker for each GPU; 0 where there is none."""
    import torch

    return torch.cuda.device_count() if torch.cuda.is_available() else 0


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
    name: str, run_context: RunContext, *, workers: int, stop: Stop, finished: Callable[[], int]
) -> WorkResult:
    """Run that many worker processes on a stored study until it is done.

    A worker that dies is started again; the trial it had is run again by whoever comes first.

    Args:
        name: The study.
        run_context: Where it runs.
        workers: How many processes.
        stop: The wish to stop.
        finished: Returns how many of its trials have ended, to tell bad luck from a fault.

    Raises:
        StudyError: A worker met something that no restart mends; its message.
    """
    running = [_start(name, run_context, index, workers) for index in range(workers)]
    ended: list[_Process] = []
    results: list[WorkResult] = []
    try:
        while running:
            if stop.wait(0.1):
                return _end(running)
            for worker in list(running):
                if worker.process.poll() is None:
                    continue
                running.remove(worker)
                ended.append(worker)
                result = _result(worker)
                if result is None:
                    running.append(_restart(name, run_context, worker, workers, finished()))
                else:
                    results.append(result)
        return results[-1]
    finally:
        _kill([*running, *ended])


def _start(name: str, run_context: RunContext, index: int, workers: int) -> _Process:
    run_context = replace(
        run_context, label=f"worker {index + 1}", device=_device(run_context, index)
    )
    told = {key: getattr(run_context, key) for key in ("url", *_PATHS, "device", "label")}
    orders = {
        "study": name,
        "run_context": {key: None if value is None else str(value) for key, value in told.items()},
    }
    package = str(Path(__file__).resolve().parents[2])
    paths = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))
    variables = {ORDERS: json.dumps(orders), PARENT: str(os.getpid()), "PYTHONPATH": paths}
    environment = {**os.environ, **variables}
    if workers > 1:
        environment.setdefault("OMP_NUM_THREADS", "1")
    log = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115
    process = subprocess.Popen(
        [sys.executable, "-m", "study.running.worker_process"],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        start_new_session=True,  # a terminal's Ctrl-C reaches the parent alone, which passes it on
    )
    return _Process(index=index, process=process, log=log)


def _device(run_context: RunContext, index: int) -> str | None:
    """Spread workers over the GPUs where none is named."""
    if run_context.device is not None:
        return run_context.device
    gpus = default_gpu_workers() if "torch" in sys.modules else 0
    return f"cuda:{index % gpus}" if gpus else None


def _restart(
    name: str, run_context: RunContext, dead: _Process, workers: int, finished: int
) -> _Process:
    """Start a worker anew.

    Raises:
        StudyError: It dies again and again, and no trial ends meanwhile.
    """
    hopeless = time.monotonic() - dead.started < QUICK_SECONDS and finished <= dead.finished
    deaths = dead.deaths + 1 if hopeless else 1
    if deaths >= QUICK_DEATHS:
        raise StudyError(
            f"worker {dead.index + 1} died {deaths} times within seconds (exit code"
            f" {dead.process.returncode}); its last words:\n{_last_words(dead)}"
        )
    worker = _start(name, run_context, dead.index, workers)
    worker.deaths, worker.finished = deaths, finished
    return worker


def _result(worker: _Process) -> WorkResult | None:
    """Return why a worker left, or None where it died.

    Raises:
        StudyError: It ended with a clear error.
    """
    assert worker.process.stdout is not None
    lines = worker.process.stdout.read().splitlines()
    told: dict[str, Any] = {}
    if lines:
        try:
            told = json.loads(lines[-1])
        except json.JSONDecodeError:
            told = {}
    if "error" in told:
        raise StudyError(told["error"])
    if worker.process.returncode != 0 or "ending" not in told:
        return None
    return WorkResult(ending=told["ending"], text=told["text"])


def _last_words(worker: _Process) -> str:
    worker.log.seek(0)
    return "\n".join(worker.log.read().splitlines()[-8:])


def _end(running: list[_Process]) -> WorkResult:
    """Ask every worker to park its trial, wait for that a moment, and kill who takes longer."""
    for worker in running:
        worker.process.terminate()
    deadline = time.monotonic() + PATIENCE_SECONDS
    killed = []
    for worker in running:
        try:
            worker.process.wait(max(deadline - time.monotonic(), 0.01))
        except subprocess.TimeoutExpired:
            worker.process.kill()
            worker.process.wait()
            killed.append(worker.process.pid)
    return WorkResult(ending="interrupted", text="stopped as asked", killed=tuple(killed))


def _kill(running: list[_Process]) -> None:
    for worker in running:
        if worker.process.poll() is None:
            worker.process.kill()
        worker.process.wait()
        worker.log.close()
        if worker.process.stdout is not None:
            worker.process.stdout.close()


def read_orders() -> tuple[str, RunContext]:
    """Return the study and the place that the parent wrote down for this process."""
    orders = json.loads(os.environ.pop(ORDERS))
    run_context = orders["run_context"]
    for key, path_of in _PATHS.items():
        run_context[key] = None if run_context[key] is None else path_of(run_context[key])
    return orders["study"], RunContext(**run_context)
