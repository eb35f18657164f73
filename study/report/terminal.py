"""A report as text: fitted to a terminal, or plain and complete where the output is a file."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from rich import box
from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from study.common.redaction import redacted
from study.report.document import (
    Block,
    Code,
    Content,
    Figure,
    Heading,
    KeyValues,
    Paragraph,
    Table,
    flattened,
)

UNLIMITED = 100_000
"""Width of plain text, in characters: no table reaches it, so no line is broken."""
_GAP = 2
"""Spaces between two columns."""
_STYLES = {"strong": "bold", "quiet": "dim", "notice": "yellow", "code": "cyan"}


def print_report(*contents: Content, wide: bool = False) -> None:
    """Print to stdout: fitted to a terminal and in colour, else as plain text.

    ``wide`` shows every column of every table on a narrow terminal too.
    """
    colour = sys.stdout.isatty()
    width = Console().width if colour and not wide else None
    sys.stdout.write(render_text(*contents, width=width, colour=colour))


def render_text(*contents: Content, width: int | None = None, colour: bool = False) -> str:
    """Return a report as text, with an empty line between two contents and a newline at the end.

    Args:
        width: Characters in a line. A table that is wider loses its columns of low priority and
            then breaks the text in its cells. None shows everything, one line for each row.
        colour: Whether to write ANSI escape codes.
    """
    console = Console(
        file=io.StringIO(),
        width=width or UNLIMITED,
        color_system="standard" if colour else None,
        force_terminal=colour,
        no_color=not colour,
        legacy_windows=False,
        markup=False,
        emoji=False,
        highlight=False,
    )
    parts = (part for each in contents for part in _parts(flattened(each), width))
    for index, part in enumerate(parts):
        if index:
            console.print()
        console.print(part)
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()
    return redacted("\n".join(line.rstrip() for line in lines) + "\n")


def _parts(blocks: Iterable[Block], width: int | None) -> Iterator[RenderableType]:
    """Yield the blocks; consecutive paragraphs follow each other without an empty line."""
    for is_paragraph, members in groupby(blocks, key=lambda b: isinstance(b, Paragraph)):
        parts = [part for block in members for part in _block(block, width)]
        yield from [Group(*parts)] if is_paragraph else parts


def _block(block: Block, width: int | None) -> Iterator[RenderableType]:
    match block:
        case Paragraph(text=text, style=style):
            yield _text(text, _STYLES.get(style, ""))
        case Heading(text=text, level=level):
            yield _text(text, "bold underline" if level == 2 else "bold")
        case KeyValues(pairs=pairs):
            grid = RichTable.grid(padding=(0, _GAP))
            for key, value in pairs:
                grid.add_row(_text(f"  {key}:", "bold"), _text(value))
            yield grid
        case Table():
            yield from _table(block, width)
        case Code(text=text):
            lines = text.strip("\n").splitlines()
            yield Text("\n".join(f"    {_one_line(line, joined=False)}" for line in lines))
        case Figure(title=title, text=text):
            yield _text(f"{title}: {text}")


def _table(table: Table, width: int | None) -> Iterator[RenderableType]:
    cells = [[_one_line(cell) for cell in row] for row in table.rows]
    widths = [
        max(cell_len(text) for text in (_one_line(column.heading), *(row[i] for row in cells)))
        for i, column in enumerate(table.columns)
    ]
    shown = _fitting(table, widths, width)
    yield _text(table.caption, "italic")
    laid_out = RichTable(
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, _GAP - 1, 0, 0),  # the box adds one
        show_edge=False,
        header_style="bold",
    )
    for i in shown:
        column = table.columns[i]
        laid_out.add_column(
            _text(column.heading),
            justify="right" if column.numeric else "left",
            no_wrap=width is None or column.numeric,
            overflow="ellipsis" if column.numeric else "fold",
            width=widths[i] if width is None else None,
        )
    for index, row in enumerate(cells):
        style = "bold" if index in table.strong else None
        laid_out.add_row(*(Text(row[i]) for i in shown), style=style)
    yield laid_out
    if not table.rows:
        yield Text("(nothing yet)")
    hidden = [c.heading for i, c in enumerate(table.columns) if i not in shown]
    if hidden:
        yield _text(f"not shown: {', '.join(hidden)}; --wide shows them", "dim")


def _fitting(table: Table, widths: Sequence[int], width: int | None) -> list[int]:
    """Return the indices of the columns that a terminal has room for."""
    shown = list(range(len(widths)))
    while width is not None and sum(widths[i] + _GAP for i in shown) - _GAP > width:
        last = max(shown, key=lambda i: (table.columns[i].priority, i))
        if not table.columns[last].priority:
            break
        shown.remove(last)
    return shown


def _text(words: str, style: str = "") -> Text:
    return Text(_one_line(words), style=style)


def _one_line(text: str, *, joined: bool = True) -> str:
    """Return text without line breaks and control characters, which could steer the terminal."""
    words = " ".join(text.split()) if joined else text
    return "".join(c if c.isprintable() else " " for c in words)
