"""Workers placed by Ray, on this machine or on a cluster.

Ray places a worker and restarts it when its node is lost. A worker is one long-lived task that
runs the same loop on the shared study as any other worker, so budgets, duplicates and resume work
as everywhere. The nodes receive the package as a ``py_module`` of the runtime environment. The
images are loaded once by the parent and passed through Ray's object store: they are in the memory
of each node once, and all its workers read them there.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from study.common.artifact_path import RemotePath
from study.common.errors import SettingsError, StorageError, StudyError
from study.common.redaction import redacted_url
from study.common.stop import Stop, stop_on_signals
from study.data.dataset import SearchData
from study.running.study_data import load_data
from study.running.study_runner import work_on
from study.running.worker import INTERRUPTED, StudyObserver, WorkResult
from study.settings.run_context import RunContext
from study.storage.stored_study import StoredStudy, open_study
from study.storage.url import sqlite_path

try:
    import ray
except ImportError:  # the optional packages of "study-nas[cluster]" are not installed
    ray = None

LOCAL = "local"
GRACE_SECONDS = 1.2
"""Grace period for a worker to interrupt its trial; then its task is killed."""

Packed = tuple[Mapping[str, np.ndarray], Mapping[str, Any], Mapping[str, Any]]
"""Images and labels; their other facts; what is stored of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RayCluster:
    """A ``WorkerBackend`` on a Ray cluster.

    Args:
        address: ``local`` for a cluster on this machine, ``auto``, ``host:port`` or
            ``ray://host:port``.
        gpus: GPUs per worker; with 0.25, four workers share one.
        observers: Watch the trials in the workers; they are pickled.
    """

    address: str
    gpus: float = 0.0
    observers: tuple[StudyObserver, ...] = ()

    def check(self, run_context: RunContext) -> None:
        """Check that a cluster can be used, before anything is started."""
        if ray is None:
            raise SettingsError(
                f'--ray {self.address}: needs Ray; pip install "study-nas[cluster]"'
            )
        if self.address != LOCAL and sqlite_path(run_context.url) is not None:
            raise StorageError(
                f"--ray {self.address} with storage '{redacted_url(run_context.url)}': SQLite is a"
                " file of one machine and cannot be shared by several; name a server, as --storage"
                " postgresql+psycopg://user:password@host/studies, or write --ray local"
            )

    def notes(self, run_context: RunContext) -> tuple[str, ...]:
        """Return warnings for the user."""
        if self.address == LOCAL or isinstance(run_context.artifacts, RemotePath):
            return ()
        where = "artifacts" if run_context.artifacts is None else str(run_context.artifacts)
        return (
            f"--ray {self.address}: checkpoints lie on each node (folder '{where}'); a trial lost"
            " with its node starts from nothing. Name a shared folder or a URL with --artifacts",
        )

    def __call__(
        self, stored: StoredStudy, run_context: RunContext, *, workers: int, stop: Stop
    ) -> WorkResult:
        """Run this many tasks until the study is done, and return why they ended."""
        self._connect(workers)
        try:
            preloaded = ray.put(packed(*load_data(stored.settings, run_context, interrupted=stop)))
            task = ray.remote(work).options(
                max_retries=-1, num_cpus=1, num_gpus=self.gpus, name="study worker"
            )
            there = _absolute(run_context)
            waiting = [
                task.remote(
                    stored.settings.study,
                    replace(there, label=f"worker {i + 1}"),
                    preloaded,
                    self.observers,
                )
                for i in range(workers)
            ]
            return _wait(waiting, stop=stop)
        finally:
            ray.shutdown()

    def _connect(self, workers: int) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        local = {"num_cpus": workers, "include_dashboard": False}
        where = local if self.address == LOCAL else {"address": self.address}
        package = str(Path(__file__).resolve().parents[1])
        try:
            ray.init(
                runtime_env={"py_modules": [package], "excludes": ["__pycache__"]},
                log_to_driver=False,
                configure_logging=False,
                **where,
            )
        except (ConnectionError, RuntimeError, ValueError, OSError) as error:
            reason = str(error).strip().partition("\n")[0]
            raise StudyError(
                f"--ray {self.address}: {reason}; start one with 'ray start --head', or write"
                " --ray local"
            ) from error
        if self.address == LOCAL and self.gpus > ray.cluster_resources().get("GPU", 0.0):
            ray.shutdown()
            raise SettingsError(
                f"--gpus-per-worker {self.gpus:g}: this machine has no such GPU; leave it out"
            )


def _absolute(run_context: RunContext) -> RunContext:
    path, artifacts = sqlite_path(run_context.url), run_context.artifacts
    return replace(
        run_context,
        url=run_context.url if path is None else f"sqlite:///{path.absolute()}",
        data_root=None if run_context.data_root is None else run_context.data_root.absolute(),
        artifacts=artifacts.absolute() if isinstance(artifacts, Path) else artifacts,
    )


def packed(data: SearchData | None, described: Mapping[str, Any]) -> Packed:
    """Return images as arrays, which all processes of a node read without a copy."""
    if data is None:
        return {}, {}, described
    every = {field.name: getattr(data, field.name) for field in fields(data)}
    arrays = {k: v.numpy() for k, v in every.items() if isinstance(v, torch.Tensor)}
    return arrays, {k: v for k, v in every.items() if k not in arrays}, described


def unpacked(preloaded: Packed) -> tuple[SearchData | None, dict[str, Any]]:
    """Return the images and facts that were packed. The images must not be written to."""
    arrays, rest, described = preloaded
    if not arrays:
        return None, dict(described)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    every: dict[str, Any] = {**rest, **tensors}
    return SearchData(**every), dict(described)


def work(
    name: str, run_context: RunContext, preloaded: Packed, observers: tuple[StudyObserver, ...]
) -> WorkResult | str:
    """Work on a study until it is done; return why it ended, or the text of an error.

    Ray runs this task, and repeats it when it is lost.
    """
    stop = Stop()
    with stop_on_signals(stop):  # Ray cancels a task by a signal, which interrupts its trial
        try:
            stored = open_study(name, run_context.url)
            here = replace(run_context, preloaded=unpacked(preloaded))
            return work_on(stored, here, stop=stop, observers=observers)
        except StudyError as error:
            return str(error)


def _wait(waiting: list[Any], *, stop: Stop) -> WorkResult:
    """Wait for every worker to end; on a stop, let every worker interrupt its trial."""
    result = INTERRUPTED
    while waiting:
        if stop.wait(0.1):
            for task in waiting:
                ray.cancel(task, force=False)
            ray.wait(waiting, num_returns=len(waiting), timeout=GRACE_SECONDS)
            return INTERRUPTED
        done, waiting = ray.wait(waiting, num_returns=len(waiting), timeout=0)
        for task in done:
            result = _result(task)
    return result


def _result(task: Any) -> WorkResult:
    try:
        result: WorkResult | str = ray.get(task)
    except ray.exceptions.RayError as error:
        last = str(error).strip().splitlines()[-1:]
        raise StudyError(f"a worker on Ray broke: {' '.join(last)}") from error
    if isinstance(result, str):
        raise StudyError(result)
    return result
