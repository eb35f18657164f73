"""Paths of a study's files: a folder of this machine, or any URL that fsspec knows.

A local path is a plain ``pathlib.Path``. A URL such as ``s3://bucket/studies`` is a
``RemotePath``, which has the same few methods. A training that is interrupted on one machine
continues from there on any other machine.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol, cast

from study.common.atomic_write import atomic_write, temporary_name
from study.common.errors import SettingsError, StorageError

Bytes = bytes | memoryview

OBJECT_STORES = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oss", "oci"})
"""Stores that document that an object appears whole or not at all. In other stores a file is
written under a temporary name and then moved."""


class ArtifactPath(Protocol):
    """The methods that this project needs of a path. ``pathlib.Path`` has all of them."""

    @property
    def name(self) -> str: ...
    @property
    def parent(self) -> ArtifactPath: ...
    def __truediv__(self, name: str, /) -> ArtifactPath: ...
    def exists(self) -> bool: ...
    def is_dir(self) -> bool: ...
    def iterdir(self) -> Iterable[ArtifactPath]: ...
    def read_bytes(self) -> bytes: ...
    def unlink(self, missing_ok: bool = False) -> None: ...


def artifact_path(text: str) -> ArtifactPath:
    """Parse the value of ``--artifacts``: a folder or a URL."""
    scheme, separator, rest = text.partition("://")
    if not separator:
        return Path(text)
    if scheme in ("file", "local"):
        return Path(rest)
    path = RemotePath(text.rstrip("/"))
    _ = path.file_system  # an unknown protocol fails here and not in a worker
    return path


@lru_cache(maxsize=16)
def _file_system(url: str) -> Any:
    try:
        from fsspec.core import url_to_fs
    except ImportError as error:
        message = f'--artifacts {url}: needs fsspec; pip install "study-nas[cluster]"'
        raise SettingsError(message) from error
    try:
        return url_to_fs(url)[0]
    except (ImportError, ValueError) as error:
        raise SettingsError(f"--artifacts {url}: {error}") from error


@dataclass(frozen=True, slots=True)
class RemotePath:
    """A file or folder behind a URL."""

    url: str
    """In the form of fsspec, without a slash at its end."""

    @property
    def file_system(self) -> Any:
        """Fsspec's file system. There is one for each root and process."""
        scheme, _, rest = self.url.partition("://")
        return _file_system(f"{scheme}://{rest.partition('/')[0]}")

    @property
    def name(self) -> str:
        return self.url.rpartition("/")[2]

    @property
    def parent(self) -> RemotePath:
        return RemotePath(self.url.rpartition("/")[0])

    def __truediv__(self, name: str, /) -> RemotePath:
        return RemotePath(f"{self.url}/{name}")

    def __str__(self) -> str:
        return self.url

    def exists(self) -> bool:
        self._forget()
        return bool(self.file_system.exists(self.url))

    def is_dir(self) -> bool:
        self._forget()
        return bool(self.file_system.isdir(self.url))

    def iterdir(self) -> Iterable[RemotePath]:
        self._forget()
        names = self.file_system.ls(self._key, detail=False)
        return [self / str(name).rstrip("/").rpartition("/")[2] for name in names]

    def read_bytes(self) -> bytes:
        return cast(bytes, self.file_system.cat_file(self._key))

    def unlink(self, missing_ok: bool = False) -> None:
        try:
            self.file_system.rm_file(self._key)
        except FileNotFoundError:
            if not missing_ok:
                raise

    def replace_by(self, content: bytes) -> None:
        """Write the file. Readers see the old content or the new content, never a part of it."""
        files = self.file_system
        if self.url.partition("://")[0] in OBJECT_STORES:
            files.pipe_file(self._key, content)
            return
        temporary = self.parent / temporary_name(self.name)
        files.makedirs(self.parent._key, exist_ok=True)
        files.pipe_file(temporary._key, content)
        files.mv(temporary._key, self._key)

    @property
    def _key(self) -> str:
        return str(self.file_system._strip_protocol(self.url))

    def _forget(self) -> None:
        """Drop fsspec's cached listings, because other machines write to the same folder."""
        self.file_system.invalidate_cache()


def replace_file(path: ArtifactPath, content: Sequence[Bytes]) -> None:
    """Replace a file, or make it and its folder.

    A kill at any instant or a full disk leaves the old file or the new one.

    Args:
        content: Parts of the file, in order.
    """
    if isinstance(path, RemotePath):
        path.replace_by(b"".join(content))
        return
    assert isinstance(path, Path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as file:
        file.writelines(content)


def check_writable(path: ArtifactPath) -> None:
    """Write and remove a probe file behind a URL, before a study relies on the URL."""
    if not isinstance(path, RemotePath):
        return
    probe = path / temporary_name(".probe")
    try:
        probe.replace_by(b"")
        probe.unlink()
    except Exception as error:  # each store has its own exceptions
        raise StorageError(
            f"--artifacts {path}: cannot be written: {type(error).__name__}: {error}; check the"
            " address and the credentials that its package reads"
        ) from error


def remove_tree(folder: ArtifactPath) -> None:
    """Remove a folder and its content, if it exists."""
    if isinstance(folder, RemotePath):
        if folder.is_dir():
            folder.file_system.rm(folder.url, recursive=True)
    elif isinstance(folder, Path):
        shutil.rmtree(folder, ignore_errors=True)
