"""How a command that trains works: where, with how many processes, and how it is stopped."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from study.common.errors import SettingsError
from study.storage.opening import DEFAULT_URL

if TYPE_CHECKING:
    from study.common.artifact_path import ArtifactPath
    from study.common.stop import Stop
    from study.running.ray_workers import RayCluster
    from study.settings.run_context import RunContext


def with_stop(work: Callable[[Stop], int]) -> int:
    """Do the work with Ctrl-C and SIGTERM heard from the first moment on."""
    from study.common.stop import INTERRUPTED, KEPT, Stop, end_on_signals, leave

    stop = Stop()
    with end_on_signals(stop):
        try:
            code = work(stop)
        except KeyboardInterrupt:  # as a download answers a stop
            typer.echo(KEPT, err=True)
            code = INTERRUPTED
        if stop():
            leave(code)
    return code


def run_context_of(
    storage: str, data_root: Path | None, artifacts: ArtifactPath | None, device: str | None
) -> RunContext:
    """Return where a command works."""
    from study.settings.run_context import RunContext

    return RunContext(url=storage, data_root=data_root, artifacts=artifacts, device=device)


def workers_of(asked: int | None, device: str | None) -> int:
    """Return how many processes train: as many as asked for, else one a GPU or a core."""
    from study.running.local_workers import default_gpu_workers, default_workers

    if asked is not None:
        return asked
    if device != "cpu" and (gpus := default_gpu_workers()):
        return gpus
    return default_workers()


def ray_backend(address: str | None, gpus: float | None) -> RayCluster | None:
    """Return what lets Ray place the workers; None where it is not asked for.

    Raises:
        SettingsError: GPUs are given for Ray's workers, and Ray is not asked for.
    """
    if address is None:
        if gpus is not None:
            raise SettingsError("--gpus-per-worker says what --ray hands out; add --ray ADDRESS")
        return None
    from study.running.ray_workers import RayCluster

    return RayCluster(address=address, gpus=gpus or 0.0)


def storage_flag(url: str) -> str:
    """Return the flag that names this storage again; nothing for the usual one."""
    from study.common.redaction import redacted_url

    return "" if url == DEFAULT_URL else f" --storage '{redacted_url(url)}'"
