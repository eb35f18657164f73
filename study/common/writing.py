"""Files that are whole or not there: written under a temporary name, then moved."""

from __future__ import annotations

from pathlib import Path

from study.common.errors import StudyError
from study.common.temporary import temporary_name


def write_text(path: Path, text: str) -> None:
    """Write a text file, UTF-8.

    Raises:
        StudyError: It cannot be written; what was there before is still there.
    """
    if not path.name:
        raise StudyError(f"{path}: is a folder; name a file in it")
    temporary = path.with_name(f".{temporary_name(path.name)}")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise StudyError(
            f"{path}: {error.strerror or error}; name a file in a folder you may write to"
        ) from error
