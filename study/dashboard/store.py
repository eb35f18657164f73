"""The files that optuna-dashboard shows: where they lie, how they are attached and removed.

A file is written before it is announced: a kill in between leaves a file that no one lists, and
never a listed file that is not there.
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
from typing import TYPE_CHECKING, Any

from study.common.artifact_path import ArtifactPath, RemotePath
from study.storage.checkpoints import artifacts_folder

if TYPE_CHECKING:
    import optuna
    from optuna.artifacts._protocol import ArtifactStore

FOLDER = "@dashboard"
"""The dashboard takes one store for all studies of a storage; no study's folder has an ``@``."""
PREFIX = "artifacts:"
"""Under this prefix and its id Optuna stores what it knows of a file (``optuna.artifacts``)."""


def store_folder(artifacts: ArtifactPath | None, url: str) -> ArtifactPath:
    """Return the folder of the files that the dashboard of a storage shows.

    Args:
        artifacts: The folder of all studies; None for the one beside the storage.
        url: The storage.
    """
    return artifacts_folder(artifacts, url) / FOLDER


def artifact_store(artifacts: ArtifactPath | None, url: str) -> ArtifactStore:
    """Return the store of the files that the dashboard of a storage shows."""
    from optuna.artifacts import FileSystemArtifactStore

    folder = store_folder(artifacts, url)
    if not isinstance(folder, Path):
        return remote_store(folder)
    with contextlib.suppress(OSError):  # said when a file is written
        folder.mkdir(parents=True, exist_ok=True)
    return FileSystemArtifactStore(folder)


def remote_store(folder: ArtifactPath) -> ArtifactStore:
    """Return the store of files behind a URL."""
    from study.dashboard.remote_store import RemoteArtifactStore

    assert isinstance(folder, RemotePath)
    return RemoteArtifactStore(folder)


def attach_to_trial(trial: optuna.Trial, store: ArtifactStore, files: Mapping[str, bytes]) -> None:
    """Attach files to a running trial, to be listed in this order."""
    for place, (name, content) in enumerate(files.items()):
        identity, described = _stored(store, name, content, place=place)
        trial.storage.set_trial_system_attr(trial._trial_id, PREFIX + identity, described)


def attach_to_study(study: optuna.Study, store: ArtifactStore, name: str, content: bytes) -> None:
    """Attach a file to a study."""
    identity, described = _stored(store, name, content)
    study._storage.set_study_system_attr(study._study_id, PREFIX + identity, described)


def _stored(store: ArtifactStore, name: str, content: bytes, *, place: int = 0) -> tuple[str, str]:
    """Write a file; return its id and its description, both as ``optuna.artifacts`` has them.

    SQLite returns what is listed in the order of the ids, so an id begins with the place.
    """
    from optuna.artifacts import ArtifactMeta

    identity = f"{place:08x}{str(uuid.uuid4())[8:]}"
    store.write(identity, io.BytesIO(content))
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    described = ArtifactMeta(artifact_id=identity, filename=name, mimetype=kind, encoding=None)
    return identity, json.dumps(asdict(described))


def listed(attributes: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield id and name of every file that these system attributes list."""
    for key, value in attributes.items():
        if key.startswith(PREFIX) and (described := json.loads(value)) is not None:
            yield described["artifact_id"], described["filename"]


def detach_from_study(study: optuna.Study, store: ArtifactStore, identity: str) -> None:
    """Take a file off a study's list, as the dashboard does it, and remove it."""
    study._storage.set_study_system_attr(study._study_id, PREFIX + identity, json.dumps(None))
    _remove(store, identity)


def file_ids(study: optuna.Study) -> list[str]:
    """Return the ids of every file of a study and of its trials."""
    lists = [study._storage.get_study_system_attrs(study._study_id)]
    lists += [trial._system_attrs for trial in study.get_trials(deepcopy=False)]
    return [identity for attributes in lists for identity, _ in listed(attributes)]


def remove_files(store: ArtifactStore, ids: Iterable[str]) -> None:
    """Remove files, those that are there; of a study that was deleted, say."""
    for identity in ids:
        _remove(store, identity)


def _remove(store: ArtifactStore, identity: str) -> None:
    from optuna.artifacts.exceptions import ArtifactNotFound

    with contextlib.suppress(ArtifactNotFound):
        store.remove(identity)
