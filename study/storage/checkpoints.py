"""Where a study keeps files beside its storage, and which of them are still needed."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from study.common.artifact_path import ArtifactPath
from study.common.errors import StorageError
from study.settings.metrics import Measure
from study.storage.lifecycle import StudyState
from study.storage.opening import sqlite_path, with_driver
from study.storage.records import ranked

SUFFIX = ".pt"

_LONGEST = 60
"""Characters of a study's name in its folder's; a file name has 255 bytes, a character up to 4."""

SHARED = "supernet"
"""Name of a checkpoint that belongs to the whole study."""


def artifacts_folder(artifacts: ArtifactPath | None, url: str) -> ArtifactPath:
    """Return the folder of all studies' files.

    Args:
        artifacts: The folder that was asked for; None for ``artifacts`` beside an SQLite file, or
            in the current folder.
        url: The storage.
    """
    path = sqlite_path(url)
    beside = (path.parent if path else Path()) / "artifacts"
    return beside if artifacts is None else artifacts


def study_folder(artifacts: ArtifactPath | None, url: str, name: str) -> ArtifactPath:
    """Return the folder of a study's files, which no other study has.

    It begins with the study's name, as far as a file name can hold it, and ends with a digest of
    the names of the storage and the study.

    Args:
        artifacts: As for ``artifacts_folder``.
        url: The study's storage.
        name: The study's name.
    """
    words = re.sub(r"[^\w.-]+", "_", name).lstrip(".")[:_LONGEST]
    whose = json.dumps([_storage_name(url), name]).encode()
    return artifacts_folder(artifacts, url) / f"{words}-{hashlib.sha256(whose).hexdigest()[:8]}"


def _storage_name(url: str) -> str:
    """Return what a storage is called wherever it lies: the name of its file or its database."""
    if (path := sqlite_path(url)) is not None:
        return path.name
    from sqlalchemy.engine import make_url

    return make_url(with_driver(url)).database or ""


def removable_folder(artifacts: ArtifactPath | None, url: str, name: str) -> ArtifactPath:
    """Return the folder of a study's files, to be removed with all in it.

    Args:
        artifacts: As for ``artifacts_folder``.
        url: The study's storage.
        name: The study's name.

    Raises:
        StorageError: It does not lie directly inside the folder of all studies' files.
    """
    base, folder = artifacts_folder(artifacts, url), study_folder(artifacts, url, name)
    inside = folder.parent == base
    if isinstance(folder, Path) and isinstance(base, Path):
        inside = folder.resolve() == base.resolve() / folder.name
    if not inside:
        raise StorageError(
            f"{folder}: leads out of {base}, so nothing was deleted; remove that link first"
        )
    return folder


def local_study_folder(artifacts: ArtifactPath | None, url: str, name: str) -> Path:
    """Return the folder of this machine for files that a person opens: figures, predictions.

    Args:
        artifacts: As for ``artifacts_folder``; behind a URL, the one beside the storage is taken.
        url: The study's storage.
        name: The study's name.
    """
    folder = study_folder(artifacts if isinstance(artifacts, Path) else None, url, name)
    assert isinstance(folder, Path)
    return folder


def needed(
    state: StudyState,
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
