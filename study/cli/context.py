"""What commands that train share: where they run, with how many processes, what they print."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from study.common.errors import SettingsError
from study.common.redaction import redacted_url
from study.storage.url import DEFAULT_URL

if TYPE_CHECKING:
    from study.common.artifact_path import ArtifactPath
    from study.running.ray_workers import RayCluster
    from study.running.worker import StudyObserver
    from study.settings.run_context import RunContext


MAX_WORKERS = 4


def run_context_of(
    storage: str, data_root: Path | None, artifacts: ArtifactPath | None, device: str | None
) -> RunContext:
    """Return where a command works."""
    from study.settings.run_context import RunContext

    return RunContext(url=storage, data_root=data_root, artifacts=artifacts, device=device)


def workers_of(asked: int | None, device: str | None) -> int:
    """Return the number of processes: as asked for, else one for each GPU or core."""
    if asked is not None:
        return asked
    if device != "cpu":
        from study.common.machine import gpu_count

        if gpus := gpu_count():
            return gpus
    return default_workers()


def default_workers() -> int:
    """Return one worker per processor core, four at most."""
    return max(1, min(MAX_WORKERS, len(os.sched_getaffinity(0))))


def observers_of(artifacts: ArtifactPath | None, *, quiet: bool) -> tuple[StudyObserver, ...]:
    """Return what shows a study that this process starts: terminal and dashboard."""
    from study.dashboard.observers import PageRefresh, TrialPictures

    shown = (PageRefresh(artifacts=artifacts), TrialPictures(artifacts=artifacts))
    return (*progress_of(quiet=quiet), *shown)


def progress_of(*, quiet: bool) -> tuple[StudyObserver, ...]:
    """Return what shows the progress on the terminal; nothing where it is to be quiet."""
    if quiet:
        return ()
    from study.running.progress import Progress

    return (Progress(),)


def ray_backend(
    address: str | None, gpus: float | None, artifacts: ArtifactPath | None
) -> RayCluster | None:
    """Return the backend that starts workers with Ray; None where ``--ray`` is not given.

    Raises:
        SettingsError: ``--gpus-per-worker`` is given without ``--ray``.
    """
    if address is None:
        if gpus is not None:
            raise SettingsError("--gpus-per-worker needs --ray; add --ray ADDRESS")
        return None
    from study.dashboard.observers import TrialPictures
    from study.running.ray_workers import RayCluster

    pictures = TrialPictures(artifacts=artifacts)
    return RayCluster(address=address, gpus=gpus or 0.0, observers=(pictures,))


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
