"""Where a study runs: its storage, files and device. None of it affects the results."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from study.common.artifact_path import ArtifactPath

if TYPE_CHECKING:  # settings are read without torch
    from study.data.dataset import SearchData


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContext:
    """Where a study runs.

    Args:
        url: The storage.
        data_root: Folder of downloaded data sets; None for medmnist's own.
        artifacts: Folder or URL of the study's files; None for a folder beside the storage.
        device: ``cpu``, ``cuda``, ``cuda:1``, …; None for the best one.
        label: Name of this process, as ``worker 2``.
        preloaded: The result of ``load_data``, if the parent process has loaded the data.
    """

    url: str
    data_root: Path | None = None
    artifacts: ArtifactPath | None = None
    device: str | None = None
    label: str = "worker"
    preloaded: tuple[SearchData | None, dict[str, Any]] | None = None
