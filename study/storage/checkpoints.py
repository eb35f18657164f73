"""The folders of a study's files, and the checkpoints that are still needed."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

from sqlalchemy.engine import make_url

from study.common.artifact_path import ArtifactPath
from study.common.errors import StorageError
from study.settings.problem import Problem
from study.storage.lifecycle import StudyState
from study.storage.records import ranked
from study.storage.url import sqlite_path, with_driver

SUFFIX = ".pt"

_LONGEST = 60
"""Characters of a study's name in the name of its folder. A file name has 255 bytes at most, and a
character has up to 4."""

SHARED = "supernet"
"""Name of a checkpoint that belongs to the whole study."""


def artifacts_folder(artifacts: ArtifactPath | None, url: str) -> ArtifactPath:
    """Return the folder of all studies' files: the value of ``--artifacts``, if it is given.

    The default is ``artifacts`` beside an SQLite file, or in the current folder.
    """
    path = sqlite_path(url)
    return artifacts or (path.parent if path else Path()) / "artifacts"


def study_folder(artifacts: ArtifactPath | None, url: str, name: str) -> ArtifactPath:
    """Return the folder of a study's files. No other study has the same.

    Its name begins with the study's name, as far as a file name can hold it, and ends with a
    digest of the names of the storage and the study.
    """
    start = re.sub(r"[^\w.-]+", "_", name).lstrip(".")[:_LONGEST]
    names = json.dumps([_storage_name(url), name]).encode()
    return artifacts_folder(artifacts, url) / f"{start}-{hashlib.sha256(names).hexdigest()[:8]}"


def _storage_name(url: str) -> str:
    """Return the name of a storage's file or database, which is the same on every machine."""
    if (path := sqlite_path(url)) is not None:
        return path.name
    return make_url(with_driver(url)).database or ""


def removable_folder(artifacts: ArtifactPath | None, url: str, name: str) -> ArtifactPath:
    """Return the folder of a study's files, after a check that no link leads out of it."""
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
    """Return the local folder for files that a person opens, such as figures and predictions.

    It is beside the storage if ``artifacts`` is a URL.
    """
    folder = study_folder(artifacts if isinstance(artifacts, Path) else None, url, name)
    assert isinstance(folder, Path)
    return folder


def needed_checkpoints(state: StudyState, problem: Problem) -> set[str] | None:
    """Return the ids of the candidates whose checkpoint is needed; None for all of them."""
    keep, measures = problem.settings.keep, problem.settings.measures
    if keep == "all":
        return None
    kept = {*state.running, *state.to_repeat}
    if problem.pruner.stops:  # a pruned candidate may be promoted
        kept |= {index for index in state.finished if state.latest[index].state == "pruned"}
    ids = {state.latest[index].candidate_id for index in kept}
    if keep == "best" and len(measures) == 1:
        done = [state.latest[index] for index in state.finished]
        ids |= {record.candidate_id for record in ranked(done, maximise=measures[0].maximise)[:1]}
    return ids


def prune_checkpoints(folder: ArtifactPath, ids: set[str] | None) -> None:
    """Remove the checkpoints and half-written files of all candidates except these."""
    if ids is None or not folder.is_dir():
        return
    for path in folder.iterdir():
        candidate, _, rest = path.name.partition(".")
        if f".{rest}".startswith(SUFFIX) and candidate not in {*ids, SHARED}:
            path.unlink(missing_ok=True)
