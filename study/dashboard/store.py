"""The files that optuna-dashboard shows: where they are, how they are attached and removed.

A file is written before it is listed. A kill in between leaves a file that is not listed, and
never a listed file that does not exist.
"""

from __future__ import annotations

import contextlib
import io
import json
import mimetypes
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

import optuna
from optuna.artifacts import ArtifactMeta, FileSystemArtifactStore
from optuna.artifacts._protocol import ArtifactStore
from optuna.artifacts.exceptions import ArtifactNotFound

from study.common.artifact_path import ArtifactPath, RemotePath
from study.storage.checkpoints import artifacts_folder

FOLDER = "@dashboard"
"""The dashboard uses one store for all studies of a storage; no study's folder has an ``@``."""
PREFIX = "artifacts:"
"""Optuna stores the description of a file under this prefix and the file's id."""


def store_folder(artifacts: ArtifactPath | None, url: str) -> ArtifactPath:
    """Return the folder of the files that the dashboard of a storage shows.

    ``artifacts`` is the folder of all studies; None stands for the one beside the storage.
    """
    return artifacts_folder(artifacts, url) / FOLDER


def artifact_store(artifacts: ArtifactPath | None, url: str) -> ArtifactStore:
    """Return the store of the files that the dashboard of a storage shows."""
    folder = store_folder(artifacts, url)
    if isinstance(folder, RemotePath):
        return RemoteArtifactStore(folder)
    assert isinstance(folder, Path)
    with contextlib.suppress(OSError):  # writing a file reports it
        folder.mkdir(parents=True, exist_ok=True)
    return FileSystemArtifactStore(folder)


class RemoteArtifactStore:
    """Optuna's artifact store behind a URL."""

    def __init__(self, folder: RemotePath) -> None:
        self._folder = folder

    def open_reader(self, artifact_id: str) -> BinaryIO:
        try:
            return io.BytesIO((self._folder / artifact_id).read_bytes())
        except FileNotFoundError as error:
            raise ArtifactNotFound(f"{self._folder} has no {artifact_id}") from error

    def write(self, artifact_id: str, content_body: BinaryIO) -> None:
        (self._folder / artifact_id).replace_by(content_body.read())

    def remove(self, artifact_id: str) -> None:
        try:
            (self._folder / artifact_id).unlink()
        except FileNotFoundError as error:
            raise ArtifactNotFound(f"{self._folder} has no {artifact_id}") from error


def attach_to_trial(trial: optuna.Trial, store: ArtifactStore, name: str, content: bytes) -> None:
    """Attach a file to a running trial; Optuna changes no finished one."""
    identity, described = _write(store, name, content)
    trial.storage.set_trial_system_attr(trial._trial_id, PREFIX + identity, described)


def attach_to_study(study: optuna.Study, store: ArtifactStore, name: str, content: bytes) -> None:
    """Attach a file to a study."""
    identity, described = _write(store, name, content)
    study._storage.set_study_system_attr(study._study_id, PREFIX + identity, described)


def _write(store: ArtifactStore, name: str, content: bytes) -> tuple[str, str]:
    """Write a file; return its id and its description in the form of ``optuna.artifacts``."""
    identity = str(uuid.uuid4())
    store.write(identity, io.BytesIO(content))
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    described = ArtifactMeta(artifact_id=identity, filename=name, mimetype=kind, encoding=None)
    return identity, json.dumps(asdict(described))


def listed(attributes: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the id and the name of every file that these system attributes list."""
    for key, value in attributes.items():
        if key.startswith(PREFIX) and (described := json.loads(value)) is not None:
            yield described["artifact_id"], described["filename"]


def detach_from_study(study: optuna.Study, store: ArtifactStore, identity: str) -> None:
    """Remove a file, and remove it from the study's list as the dashboard does."""
    study._storage.set_study_system_attr(study._study_id, PREFIX + identity, json.dumps(None))
    remove_files(store, [identity])


def file_ids(study: optuna.Study) -> list[str]:
    """Return the ids of all files of a study and of its trials."""
    lists = [study._storage.get_study_system_attrs(study._study_id)]
    lists += [trial._system_attrs for trial in study.get_trials(deepcopy=False)]
    return [identity for attributes in lists for identity, _ in listed(attributes)]


def remove_files(store: ArtifactStore, ids: Iterable[str]) -> None:
    """Remove files; those that do not exist are skipped."""
    for identity in ids:
        with contextlib.suppress(ArtifactNotFound):
            store.remove(identity)
