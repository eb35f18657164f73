"""The leaderboard and its kin as tables of text, laid out for a terminal."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from study.common.redaction import redacted


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table of text, for any renderer.

    Args:
        caption: One line that says what it shows.
        headers: Column headings.
        rows: Cells, as many a row as there are headings.
        numeric: Indices of the columns that are set flush right.
        strong: Indices of the rows that stand out; the best.
    """

    caption: str
    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: frozenset[int] = frozenset()
    strong: frozenset[int] = frozenset()


def as_text(table: Table, *, below: Sequence[str] = ()) -> str:
    """Return a table in aligned plain text, one line a row, ending in a newline.

    Args:
        table: The table.
        below: Sentences under it, a line each.
    """
    lines = [table.headers, *(tuple(map(_one_line, row)) for row in table.rows)]
    widths = [max(_width(line[i]) for line in lines) for i in range(len(table.headers))]
    out = [_one_line(table.caption), ""]
    for number, line in enumerate(lines):
        out.append(_laid_out(line, widths, table.numeric))
        if number == 0:
            out.append("  ".join("─" * width for width in widths))
    if not table.rows:
        out.append("(nothing yet)")
    if below:
        out += ["", *map(_one_line, below)]
    return redacted("\n".join(out) + "\n")


def _laid_out(cells: Sequence[str], widths: Sequence[int], numeric: frozenset[int]) -> str:
    padded = []
    for index, (cell, width) in enumerate(zip(cells, widths, strict=True)):
        space = " " * (width - _width(cell))
        padded.append(space + cell if index in numeric else cell + space)
    return "  ".join(padded).rstrip()


def _one_line(text: str) -> str:
    """Return text without line breaks and control characters, which would break the layout."""
    return "".join(c if c.isprintable() else " " for c in " ".join(text.split()))


def _width(text: str) -> int:
    """Return the terminal cells a text takes; East Asian wide characters take two."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )
