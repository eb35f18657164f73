"""Where a study keeps files beside its storage, and which of them are still needed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from study.artifact_path import ArtifactPath
from study.objectives import Measure
from study.storage.lifecycle import Standing
from study.storage.opening import sqlite_path
from study.storage.records import ranked

SUFFIX = ".pt"

SHARED = "supernet"
"""Name of a checkpoint that belongs to the whole study."""


def study_folder(artifacts: ArtifactPath | None, url: str, name: str) -> ArtifactPath:
    """Return the folder of a study's files.

    Args:
        artifacts: The folder of all studies; None for ``artifacts`` beside an SQLite file, or in
            the current folder.
        url: The study's storage.
        name: The study's name; what a file name cannot hold is replaced.
    """
    path = sqlite_path(url)
    beside = (path.parent if path else Path()) / "artifacts"
    base = beside if artifacts is None else artifacts
    return base / re.sub(r"[^\w.-]+", "_", name)


def local_study_folder(artifacts: ArtifactPath | None, url: str, name: str) -> Path:
    """Return the folder of this machine for files that a person opens: figures, predictions.

    Args:
        artifacts: As for ``study_folder``; behind a URL, the folder beside the storage is taken.
        url: The study's storage.
        name: The study's name.
    """
    folder = study_folder(artifacts if isinstance(artifacts, Path) else None, url, name)
    assert isinstance(folder, Path)
    return folder


def needed(
    state: Standing,
    *,
    keep: Literal["best", "all", "none"],
    measures: Sequence[Measure],
    may_go_on: bool,
) -> set[str] | None:
    """Return ids of the candidates whose checkpoint is needed; None for all of them.

    Args:
        state: Where the study stands.
        keep: What is kept of finished trials.
        measures: What is optimised.
        may_go_on: Whether a pruned candidate may be continued.
    """
    if keep == "all":
        return None
    places = set(state.running) | set(state.to_repeat)
    if may_go_on:
        places |= {place for place in state.finished if state.latest[place].state == "pruned"}
    ids = {state.latest[place].candidate_id for place in places}
    if keep == "best" and len(measures) == 1:
        done = [state.latest[place] for place in state.finished]
        ids |= {record.candidate_id for record in ranked(done, maximise=measures[0].maximise)[:1]}
    return ids


def tidy(folder: ArtifactPath, ids: set[str] | None) -> None:
    """Remove the checkpoints of all candidates but these, and what was left half written."""
    if ids is None or not folder.is_dir():
        return
    for path in folder.iterdir():
        candidate, _, rest = path.name.partition(".")
        if f".{rest}".startswith(SUFFIX) and candidate not in {*ids, SHARED}:
            path.unlink(missing_ok=True)
