"""A report as text: fitted to a terminal, or plain and complete where the output is a file."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable, Iterator, Sequence

from rich import box
from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from study.common.redaction import redacted
from study.report.document import (
    Block,
    Code,
    Document,
    Figure,
    Group,
    Heading,
    KeyValues,
    Paragraph,
    Section,
    Table,
    flattened,
)

UNLIMITED = 100_000
"""Width of plain text, in characters: no table reaches it, so no line is broken."""
_GAP = 2
"""Spaces between two columns."""
_STYLES = {"strong": "bold", "quiet": "dim", "notice": "yellow", "code": "cyan"}

Content = Document | Section | Block


def print_report(*contents: Content, wide: bool = False) -> None:
    """Print to stdout: fitted to a terminal and in colour, else as plain text.

    Args:
        contents: What is printed, with an empty line between two.
        wide: Show every column of every table, whatever the width of the terminal.
    """
    width, colour = None, sys.stdout.isatty()
    if colour and not wide:
        width = Console().width
    sys.stdout.write(render_text(*contents, width=width, colour=colour))


def render_text(*contents: Content, width: int | None = None, colour: bool = False) -> str:
    """Return a report as text that ends in a newline.

    Args:
        contents: What is shown, with an empty line between two.
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
    for index, part in enumerate(_parts(contents, width)):
        if index:
            console.print()
        console.print(part)
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()
    return redacted("\n".join(line.rstrip() for line in lines) + "\n")


def _parts(contents: Iterable[Content], width: int | None) -> Iterator[RenderableType]:
    for content in contents:
        match content:
            case Document():
                yield from _document(content, width)
            case Section():
                yield from _section(content, width)
            case Group():
                yield from _blocks(flattened([content]), width)
            case _:
                yield from _blocks([content], width)


def _document(document: Document, width: int | None) -> Iterator[RenderableType]:
    yield _text(document.title, "bold")
    if document.lead:
        yield _text(document.lead)
    yield from _blocks([Paragraph(notice, "notice") for notice in document.notices], width)
    if document.numbers:
        yield _key_values(KeyValues(document.numbers))
    for section in document.sections:
        yield from _section(section, width)


def _section(section: Section, width: int | None) -> Iterator[RenderableType]:
    if section.blocks:
        yield _text(section.heading, "bold underline")
        yield from _blocks(flattened(section.blocks), width)


def _blocks(blocks: Iterable[Block], width: int | None) -> Iterator[RenderableType]:
    """Yield the blocks; consecutive paragraphs follow each other without an empty line."""
    lines: list[Text] = []
    for block in blocks:
        if isinstance(block, Paragraph):
            lines.append(_text(block.text, _STYLES.get(block.style, "")))
            continue
        if lines:
            yield Text("\n").join(lines)
            lines = []
        yield from _block(block, width)
    if lines:
        yield Text("\n").join(lines)


def _block(block: Block, width: int | None) -> Iterator[RenderableType]:
    match block:
        case Heading(text=text):
            yield _text(text, "bold")
        case KeyValues():
            yield _key_values(block)
        case Table():
            yield from _table(block, width)
        case Code(text=text):
            lines = text.strip("\n").splitlines()
            yield Text("\n".join(f"    {_one_line(line, joined=False)}" for line in lines))
        case Figure(title=title, text=text):
            yield _text(f"{title}: {text}")


def _key_values(block: KeyValues) -> RichTable:
    grid = RichTable.grid(padding=(0, _GAP))
    for item in block.items:
        remark = f" ({item.remark})" if item.remark else ""
        grid.add_row(_text(f"  {item.key}:", "bold"), _text(f"{item.value}{remark}"))
    return grid


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
