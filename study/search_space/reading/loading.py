"""Finds the file of a search space, reads it and reports all its problems at once."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

from study.common.errors import SearchSpaceError
from study.search_space.candidate import OCTMNIST, ImageFormat
from study.search_space.distinct import size_space
from study.search_space.extremes import count_range, draws, is_small, nearest_allowed
from study.search_space.reading.build import build_space, read_rows
from study.search_space.reading.yaml_document import (
    YamlDocument,
    did_you_mean,
    read_document,
)
from study.search_space.space import SearchSpace

LARGEST_FILE = 1_000_000
"""Bytes; the largest shipped space has 4,000."""
_PACKAGE = Path(__file__).resolve().parents[2]
_INSTALLED = _PACKAGE / "search_spaces"
SHIPPED = _INSTALLED if _INSTALLED.is_dir() else _PACKAGE.parent / "search_spaces"
"""Folder of the shipped spaces: in the installed package, or beside it in a checkout."""


def load_space(name_or_path: str | Path, *, image: ImageFormat = OCTMNIST) -> SearchSpace:
    """Return a shipped space by its name, or the space of a YAML file by its path.

    The format of the images decides which networks satisfy the constraints.
    """
    source, text = read_space_text(name_or_path)
    return space_from_text(text, source=source, image=image)


def shipped_spaces() -> tuple[str, ...]:
    """Return the names of the spaces in ``search_spaces/``."""
    return tuple(sorted(path.stem for path in SHIPPED.glob("*.yaml")))


def read_space_text(name_or_path: str | Path) -> tuple[str, str]:
    """Return the name of a space in messages, and the YAML text of its file."""
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

    ``source`` is the name of the text in messages, usually the file name.

    Raises:
        SearchSpaceError: Lists all problems, each with line, key, what was found and a remedy.
    """
    if len(text) > LARGEST_FILE:
        size = f"{len(text):,} characters; a search space has less than {LARGEST_FILE:,}"
        raise SearchSpaceError([f"{source}: {size}"])
    document = read_document(text, source)
    space = build_space(document)
    rows = read_rows(document, space)
    document.raise_problems()
    if space.constraints:
        _report_unsatisfiable(document, space, image)
        document.raise_problems()
        for path, values in rows.items():
            if not space.allows(values, image):
                message = "its network is outside the constraints; change the row or the bounds"
                document.report(path, message)
        document.raise_problems()
    return dataclasses.replace(space, enqueue=tuple(rows.values()))


def _find(name_or_path: str | Path) -> Path:
    name = str(name_or_path)
    if name in shipped_spaces():
        return SHIPPED / f"{name}.yaml"
    path = Path(name_or_path)
    if path.is_dir():
        message = f"{name!r} is a folder; give the YAML file in it"
    elif path.is_file():
        return path
    elif path.exists():
        message = f"{name!r} is no regular file; give a YAML file"
    elif path.suffix or len(path.parts) > 1:
        message = f"{name!r}: no such file; shipped spaces: {', '.join(shipped_spaces())}"
    else:
        message = f"no search space {name!r}{did_you_mean(name, shipped_spaces())}"
    raise SearchSpaceError([message])


def _report_unsatisfiable(document: YamlDocument, space: SearchSpace, image: ImageFormat) -> None:
    """Report constraints that no candidate satisfies.

    If there are few sizes, all are examined. Otherwise a search from several starts looks for a
    network inside the bounds, and the message says that it is a search.
    """
    networks = size_space(space)
    exact = is_small(networks)
    points = networks.points() if exact else draws(networks)
    if any(networks.allows(values, image) for values in points):
        return
    if not exact and nearest_allowed(networks, image).score == 0.0:
        return
    none = (
        f"none of its {networks.size():,} sizes of network"
        if exact
        else "no network that a search finds"
    )
    nearest = "; ".join(_nearest(networks, image))
    message = f"{none} satisfies the constraints: {nearest}; widen the bounds"
    document.report(("constraints",), message)


def _nearest(networks: SearchSpace, image: ImageFormat) -> Iterator[str]:
    for measure, bound in networks.constraints.items():
        word = "MACs" if measure == "macs" else measure
        smallest, largest = count_range(networks, image, measure, inside=False)
        if bound.high is not None:
            yield f"the smallest has {smallest:,} {word}, allowed are at most {bound.high:,.0f}"
        if bound.low is not None:
            yield f"the largest has {largest:,} {word}, required are at least {bound.low:,.0f}"
