"""What commands that train share: where they run, with how many processes, what they print."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from study.common.errors import SettingsError
from study.common.redaction import redacted_url
from study.storage.opening import DEFAULT_URL

if TYPE_CHECKING:
    from study.common.artifact_path import ArtifactPath
    from study.running.ray_workers import RayCluster
    from study.settings.run_context import RunContext


def run_context_of(
    storage: str, data_root: Path | None, artifacts: ArtifactPath | None, device: str | None
) -> RunContext:
    """Return where a command works."""
    from study.settings.run_context import RunContext

    return RunContext(url=storage, data_root=data_root, artifacts=artifacts, device=device)


def workers_of(asked: int | None, device: str | None) -> int:
    """Return the number of processes: as asked for, else one for each GPU or core."""
    from study.running.local_workers import default_gpu_workers, default_workers

    if asked is not None:
        return asked
    if device != "cpu" and (gpus := default_gpu_workers()):
        return gpus
    return default_workers()


def ray_backend(address: str | None, gpus: float | None) -> RayCluster | None:
    """Return the backend that starts workers with Ray; None where ``--ray`` is not given.

    Raises:
        SettingsError: ``--gpus-per-worker`` is given without ``--ray``.
    """
    if address is None:
        if gpus is not None:
            raise SettingsError("--gpus-per-worker needs --ray; add --ray ADDRESS")
        return None
    from study.running.ray_workers import RayCluster

    return RayCluster(address=address, gpus=gpus or 0.0)


def storage_flag(url: str) -> str:
    """Return the flag that names this storage in a command; empty for the default one."""
    return "" if url == DEFAULT_URL else f" --storage '{redacted_url(url)}'"


def print_notes(notes: Iterable[str]) -> None:
    """Print notes on stderr, one a line."""
    for note in notes:
        typer.echo(f"note: {note}", err=True)


def print_written(paths: Iterable[Path]) -> None:
    """Print on stderr which files were written."""
    for path in paths:
        typer.echo(f"wrote {path}", err=True)
