"""Workers placed by Ray, on this machine or on a cluster.

Ray says where a worker runs and starts it again when its node is lost; the study says what it
does. A worker is one long-lived task that loops on the shared study like any other worker, so that
counts, twins and resume are what they are everywhere. The package reaches the nodes as a
``py_module`` of the runtime environment, and the images through Ray's object store: loaded once by
the parent, once in the memory of a node, read by all its workers.
"""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from study.common.artifact_path import RemotePath
from study.common.errors import SettingsError, StorageError, StudyError
from study.common.redaction import redacted_url
from study.common.stop import Stop, stop_on_signals
from study.running.study_data import load_data
from study.running.worker import WorkResult
from study.settings.run_context import RunContext
from study.storage.opening import sqlite_path
from study.storage.stored_study import StoredStudy

if TYPE_CHECKING:
    import numpy as np

    from study.data.dataset import SearchData

LOCAL = "local"
PATIENCE_SECONDS = 1.2
"""A worker asked to stop has so long to park its trial; then its task is killed."""

Packed = tuple[Mapping[str, "np.ndarray"], Mapping[str, Any], Mapping[str, Any]]
"""Images and labels; what else is known of them; what is stored of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RayCluster:
    """Where Ray runs, and what each worker takes of it.

    Args:
        address: ``local`` for one on this machine, ``auto``, ``host:port`` or ``ray://host:port``.
        gpus: GPUs a worker has; a quarter lets four workers share one.
        cpus: Cores a worker has.
    """

    address: str
    gpus: float = 0.0
    cpus: float = 1.0

    def check(self, run_context: RunContext) -> None:
        """Refuse what cannot work on a cluster, before anything is started.

        Raises:
            SettingsError: Ray is not installed.
            StorageError: The storage is a file of this machine, and the workers are on others.
        """
        try:
            import ray  # noqa: F401
        except ImportError as error:
            message = f'--ray {self.address}: needs Ray; pip install "study-nas[cluster]"'
            raise SettingsError(message) from error
        if self.address != LOCAL and sqlite_path(run_context.url) is not None:
            raise StorageError(
                f"--ray {self.address} with storage '{redacted_url(run_context.url)}': SQLite is a"
                " file of one machine and cannot be shared by several; name a server, as --storage"
                " postgresql+psycopg://user:password@host/studies, or write --ray local"
            )

    def notes(self, run_context: RunContext) -> tuple[str, ...]:
        """Return what the user should know."""
        if self.address == LOCAL or isinstance(run_context.artifacts, RemotePath):
            return ()
        where = "beside it" if run_context.artifacts is None else str(run_context.artifacts)
        return (
            f"--ray {self.address}: checkpoints lie on each node ({where}); a trial lost with its"
            " node starts anew. Name a shared folder or a URL with --artifacts",
        )

    def __call__(
        self, stored: StoredStudy, run_context: RunContext, *, workers: int, stop: Stop
    ) -> WorkResult:
        """Let so many tasks work on the study; see ``runner.Crew``.

        Raises:
            StudyError: Ray cannot be reached, or a worker met something that no restart mends.
        """
        import ray

        self._connect(workers)
        try:
            preloaded = ray.put(packed(*load_data(stored.settings, run_context, interrupted=stop)))
            task = ray.remote(work).options(
                max_retries=-1, num_cpus=self.cpus, num_gpus=self.gpus, name="study worker"
            )
            there = _absolute(run_context)
            waiting = [
                task.remote(
                    stored.settings.study, replace(there, label=f"worker {i + 1}"), preloaded
                )
                for i in range(workers)
            ]
            return _wait(waiting, stop=stop)
        finally:
            ray.shutdown()

    def _connect(self, workers: int) -> None:
        import ray

        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        local = {"num_cpus": max(workers, 1), "include_dashboard": False}
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
    """Return the place with paths that mean the same in another working directory."""
    path, artifacts = sqlite_path(run_context.url), run_context.artifacts
    return replace(
        run_context,
        url=run_context.url if path is None else f"sqlite:///{path.absolute()}",
        data_root=None if run_context.data_root is None else run_context.data_root.absolute(),
        artifacts=artifacts.absolute() if isinstance(artifacts, Path) else artifacts,
    )


def packed(data: SearchData | None, described: Mapping[str, Any]) -> Packed:
    """Return images as arrays, which Ray lends to all processes of a node without a copy."""
    if data is None:
        return {}, {}, described
    import torch

    every = {field.name: getattr(data, field.name) for field in fields(data)}
    arrays = {k: v.numpy() for k, v in every.items() if isinstance(v, torch.Tensor)}
    return arrays, {k: v for k, v in every.items() if k not in arrays}, described


def unpacked(preloaded: Packed) -> tuple[SearchData | None, dict[str, Any]]:
    """Return what ``packed`` was given; the images are read, never written."""
    arrays, rest, described = preloaded
    if not arrays:
        return None, dict(described)
    import torch

    from study.data.dataset import SearchData

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    every: dict[str, Any] = {**rest, **tensors}
    return SearchData(**every), dict(described)


def work(name: str, run_context: RunContext, preloaded: Packed) -> dict[str, str]:
    """Work on a study until it is done: the task that Ray runs, and runs again when it is lost."""
    from study.running.study_runner import work_on
    from study.storage.stored_study import open_study

    stop = Stop()
    with stop_on_signals(stop):  # a cancelled task is interrupted, and parks its trial
        try:
            stored = open_study(name, run_context.url)
            result = work_on(
                stored, replace(run_context, preloaded=unpacked(preloaded)), stop=stop
            )
        except StudyError as error:
            return {"error": str(error)}
    return {"ending": result.ending, "text": result.text}


def _wait(waiting: list[Any], *, stop: Stop) -> WorkResult:
    """Wait for every worker to leave.

    Raises:
        StudyError: One ended with a clear error, or broke.
    """
    import ray

    told: dict[str, str] = {}
    while waiting:
        if stop.wait(0.1):
            return _end(waiting)
        done, waiting = ray.wait(waiting, num_returns=len(waiting), timeout=0)
        for task in done:
            told = _outcome(task)
            if "error" in told:
                raise StudyError(told["error"])
    return WorkResult(ending=told["ending"], text=told["text"])  # type: ignore[arg-type]


def _outcome(task: Any) -> dict[str, str]:
    import ray

    try:
        found: dict[str, str] = ray.get(task)
    except ray.exceptions.RayError as error:
        last = str(error).strip().splitlines()[-1:]
        raise StudyError(f"a worker on Ray broke: {' '.join(last)}") from error
    return found


def _end(waiting: list[Any]) -> WorkResult:
    """Ask every worker to park its trial, and wait for that a moment."""
    import ray

    for task in waiting:
        ray.cancel(task, force=False)
    deadline = time.monotonic() + PATIENCE_SECONDS
    ray.wait(waiting, num_returns=len(waiting), timeout=max(deadline - time.monotonic(), 0.0))
    return WorkResult(ending="interrupted", text="stopped as asked")
