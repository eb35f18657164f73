"""Files that are whole or absent: written under a temporary name, then moved into place."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from study.common.errors import StudyError


def temporary_name(name: str) -> str:
    """Return a name that begins with ``name`` and that no other process uses, on any machine.

    Containers that write to one folder may have equal process ids.
    """
    return f"{name}.{secrets.token_hex(8)}.tmp"


@contextmanager
def atomic_write(path: Path) -> Iterator[BinaryIO]:
    """Open a binary file that replaces ``path`` when the block ends without an error.

    A kill at any instant or a full disk leaves the old file or the new one. The folder must exist.
    """
    temporary = path.with_name(temporary_name(path.name))
    try:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        with contextlib.suppress(OSError):  # it was moved, or its folder does not exist
            temporary.unlink()


def write_text(path: Path, text: str) -> None:
    """Write a text file in UTF-8. If it cannot be written, the old file is unchanged."""
    if not path.name:
        raise StudyError(f"{path}: is a folder; name a file in it")
    try:
        with atomic_write(path) as file:
            file.write(text.encode())
    except OSError as error:
        raise StudyError(
            f"{path}: {error.strerror or error}; name a file in a folder you may write to"
        ) from error
