"""YAML → SearchSpace: finds the file, reads it, and says everything that is wrong with it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from study.common.errors import SearchSpaceError
from study.search_space.candidate import OCTMNIST, ImageFormat
from study.search_space.reading.assembly import VALUE_FIELDS, assemble
from study.search_space.reading.constraints import note_unsatisfiable
from study.search_space.reading.document import entries_of, read_document
from study.search_space.reading.enqueue import note_disallowed, read_rows, row_entries
from study.search_space.reading.problems import Problems, did_you_mean
from study.search_space.space import SearchSpace

KEYS = ("name", "description", "parameters", "constraints", "enqueue")
LARGEST_FILE = 1_000_000
"""Bytes; the largest shipped space has 4,000."""
_PACKAGE = Path(__file__).resolve().parents[2]
_INSTALLED = _PACKAGE / "search_spaces"
SHIPPED = _INSTALLED if _INSTALLED.is_dir() else _PACKAGE.parent / "search_spaces"
"""Where the shipped spaces are: inside the package when installed, beside it in a checkout."""


def load_space(name_or_path: str | Path, *, image: ImageFormat = OCTMNIST) -> SearchSpace:
    """Return a shipped space by its name, or the space of a file.

    Args:
        name_or_path: A name of ``shipped_spaces()`` or a path to a YAML file.
        image: Format of the images; the constraints are checked for it.

    Raises:
        SearchSpaceError: There is no such space, it cannot be read, or it is not sound; carries
            every problem found.
    """
    source, text = read_space_text(name_or_path)
    return space_from_text(text, source=source, image=image)


def shipped_spaces() -> tuple[str, ...]:
    """Return the names of the spaces that come with the project."""
    return tuple(sorted(path.stem for path in SHIPPED.glob("*.yaml")))


def read_space_text(name_or_path: str | Path) -> tuple[str, str]:
    """Return how messages call a space, and the YAML text of its file.

    Raises:
        SearchSpaceError: There is no such space or it cannot be read.
    """
    source = str(name_or_path)
    try:
        path = _find(name_or_path)
        source = path.name if path.parent == SHIPPED else source
        if path.stat().st_size > LARGEST_FILE:
            size = path.stat().st_size
            message = f"{source}: {size:,} bytes; a search space has less than {LARGEST_FILE:,}"
            raise SearchSpaceError([message])
        return source, path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        message = f"{source}:{line}: not UTF-8 text; save the file as UTF-8"
        raise SearchSpaceError([message]) from None
    except OSError as error:
        message = f"{source!r}: cannot be read: {error.strerror}; give a readable YAML file"
        raise SearchSpaceError([message]) from None


def space_from_text(
    text: str, *, source: str = "<text>", image: ImageFormat = OCTMNIST
) -> SearchSpace:
    """Return the space that a YAML text describes.

    Args:
        text: The YAML.
        source: How messages call it, as the file's name.
        image: Format of the images; the constraints are checked for it.

    Raises:
        SearchSpaceError: Carries every problem found, each with its line, its key, what was found
            and what to write instead.
    """
    problems = Problems(source)
    if len(text) > LARGEST_FILE:
        size = f"{len(text):,} characters; a search space has less than {LARGEST_FILE:,}"
        problems.add(0, "", size)
        problems.raise_any()
    document = read_document(text, problems)
    entries = entries_of(document, KEYS, problems)
    if not isinstance(document.value, Mapping):
        problems.raise_any()
    space = assemble(entries, document.line, problems)
    sound = not problems.found
    unread = row_entries(entries["enqueue"], problems) if "enqueue" in entries else ()
    rows = read_rows(unread, space, VALUE_FIELDS, problems) if sound else ()
    problems.raise_any()
    if space.constraints:
        note_unsatisfiable(space, image, entries["constraints"], problems)
        problems.raise_any()
        note_disallowed(rows, space, image, problems)
        problems.raise_any()
    return dataclasses.replace(space, enqueue=tuple(row.values for row in rows))


def _find(name_or_path: str | Path) -> Path:
    """Return the file of a space; a shipped name goes before a path of the same spelling."""
    name = str(name_or_path)
    if name in shipped_spaces():
        return SHIPPED / f"{name}.yaml"
    path = Path(name_or_path)
    if path.is_dir():
        message = f"{name!r} is a folder; give the YAML file in it"
    elif path.is_file():
        return path
    elif path.exists():
        message = f"{name!r} is no file that can be read twice; give a YAML file"
    elif path.suffix or len(path.parts) > 1:
        message = f"{name!r}: no such file; shipped spaces: {', '.join(shipped_spaces())}"
    else:
        message = f"no search space {name!r}{did_you_mean(name, shipped_spaces())}"
    raise SearchSpaceError([message])
