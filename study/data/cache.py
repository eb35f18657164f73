"""Results computed once from a file and kept in a folder named after the file and its MD5.

Arrays become ``.npy`` files that every process maps, so that workers share one copy in memory. A
member of a ``.npz`` file is compressed and cannot be mapped. The folder is beside the file where
that is writable, and in the user's cache otherwise.
"""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from study.common.atomic_write import atomic_write
from study.common.errors import DataError

_BESIDE = ".study_cache"


def shared_array(
    source: Path, digest: str, name: str, build: Callable[[], NDArray[Any]]
) -> NDArray[Any]:
    """Map the array ``name`` of a source. The first process builds it.

    The map is copy-on-write: processes share its pages, and a process that writes to a page gets
    its own copy of the page.

    Args:
        digest: Digest of the source's content. Each content has its own folder.

    Raises:
        DataError: No folder takes the unpacked copy.
    """
    folders = _folders(source, digest)
    for folder in folders:
        if (array := _mapped(folder / f"{name}.npy")) is not None:
            return array
    content = np.ascontiguousarray(build())
    problems = []
    for folder in folders:
        try:
            _write(folder / f"{name}.npy", lambda file: np.save(file, content))
        except OSError as error:
            problems.append(f"{folder}: {error.strerror or error}")
            continue
        array = _mapped(folder / f"{name}.npy")
        if array is not None:
            return array
    raise DataError(
        f"{source}: its unpacked copy ({content.nbytes / 1e6:.0f} MB) cannot be written "
        f"({'; '.join(problems)}); free some space or set XDG_CACHE_HOME to a writable folder"
    )


def kept_text(source: Path, digest: str, name: str, build: Callable[[], str]) -> str:
    """Return the text ``name`` of a source. The first process builds and writes it.

    Where no folder is writable, every call builds it.
    """
    folders = _folders(source, digest)
    for folder in folders:
        with contextlib.suppress(OSError, UnicodeDecodeError):
            return (folder / name).read_text("utf-8")
    text = build()
    for folder in folders:
        with contextlib.suppress(OSError):
            _write(folder / name, lambda file: file.write(text.encode()))
            break
    return text


def _folders(source: Path, digest: str) -> tuple[Path, ...]:
    source = source.resolve()
    entry = f"{source.stem}-{digest[:16]}"
    elsewhere = _user_cache() / "study-nas" / entry
    return (
        (source.parent / _BESIDE / entry, elsewhere) if _writable(source.parent) else (elsewhere,)
    )


def _user_cache() -> Path:
    if given := os.environ.get("XDG_CACHE_HOME"):
        return Path(given)
    try:
        return Path.home() / ".cache"
    except RuntimeError:  # a container's user without a home
        return Path(tempfile.gettempdir())


def _writable(folder: Path) -> bool:
    """Return whether a folder is writable. A read-only mode counts for root, too."""
    return os.access(folder, os.W_OK) and bool(stat.S_IMODE(folder.stat().st_mode) & 0o222)


def _mapped(path: Path) -> NDArray[Any] | None:
    """Map a ``.npy`` file; None when it is missing or damaged."""
    try:
        array: NDArray[Any] = np.load(path, mmap_mode="c", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return array


def _write(path: Path, write: Callable[[BinaryIO], object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as file:
        write(file)
