"""A report as data: a document is a list of sections, and a section is a list of blocks.

A document is built once and rendered by ``terminal``, ``markdown`` and ``html``. Every text in it
is plain text: the renderers escape it, and remove passwords as their last step.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

Style = Literal["plain", "strong", "quiet", "notice", "code"]


@dataclass(frozen=True, slots=True)
class Paragraph:
    """One sentence or a few.

    Args:
        text: Plain text.
        style: ``strong`` for the one line to remember, ``quiet`` for what is absent, ``notice``
            for a warning, ``code`` for an expression such as an architecture.
    """

    text: str
    style: Style = "plain"


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading inside a section."""

    text: str


@dataclass(frozen=True, slots=True)
class KeyValue:
    """A name, its value, and a short remark."""

    key: str
    value: str
    remark: str = ""


@dataclass(frozen=True, slots=True)
class KeyValues:
    """A list of names with their values."""

    items: tuple[KeyValue, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a table.

    Args:
        heading: Its heading.
        numeric: Whether cells are aligned to the right.
        priority: A narrow terminal leaves out columns of the highest number first; it never
            leaves out a column of priority 0.
    """

    heading: str
    numeric: bool = False
    priority: int = 0


def text_column(heading: str, priority: int = 0) -> Column:
    """Return a column whose cells are aligned to the left."""
    return Column(heading=heading, priority=priority)


def number_column(heading: str, priority: int = 0) -> Column:
    """Return a column whose cells are aligned to the right."""
    return Column(heading=heading, numeric=True, priority=priority)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table of formatted cells.

    Args:
        caption: One line that says what it shows.
        columns: The columns.
        rows: Cells, one for each column.
        strong: Indices of the rows that stand out.
    """

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    strong: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A plot or a drawing, with its content in words.

    Args:
        name: File name without suffix: ``history``.
        title: Heading.
        text: The content in a sentence or two, with its numbers. It is the alternative text.
        plot: A ``plotly.graph_objects.Figure`` in the light palette; None for a drawing.
        svg: The drawing, as an SVG document; empty for a plot.
        narrowest: Width in pixels below which a narrow screen scrolls the plot sideways.
        group: Heading shared by the figures that are shown side by side; empty for none.
    """

    name: str
    title: str
    text: str
    plot: Any = None
    svg: str = ""
    narrowest: int = 0
    group: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """Literal text such as YAML or a command.

    Args:
        text: The text, line by line.
        language: For the fence in Markdown.
    """

    text: str
    language: str = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Blocks that a page arranges; text formats show them one after another.

    Args:
        layout: ``beside`` for text with a drawing at its side, ``panels`` for two or more blocks
            side by side, ``folded`` for blocks that open on demand.
        title: What a folded group holds; a heading for the other layouts, or empty.
        blocks: The blocks.
    """

    layout: Literal["beside", "panels", "folded"]
    blocks: tuple[Block, ...]
    title: str = ""


Block = Paragraph | Heading | KeyValues | Table | Figure | Code | Group


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A part of the document with a heading.

    Args:
        anchor: Name of the section in links.
        heading: Its heading.
        blocks: The blocks, in reading order; a section without blocks is not shown.
        short: Heading in the table of contents.
    """

    anchor: str
    heading: str
    blocks: tuple[Block, ...]
    short: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A whole report.

    Args:
        title: Its title.
        kind: What kind of report it is, in a few words.
        lead: One sentence under the title.
        notices: What a reader must know first.
        numbers: The key numbers.
        sections: The sections, in reading order.
    """

    title: str
    kind: str = ""
    lead: str = ""
    notices: tuple[str, ...] = ()
    numbers: tuple[KeyValue, ...] = ()
    sections: tuple[Section, ...]


def blocks_of(*parts: Block | Iterable[Block] | None) -> tuple[Block, ...]:
    """Return the blocks that have content, in order; None and empty blocks are left out."""
    return tuple(block for part in parts for block in _flat(part) if _has_content(block))


def paragraphs(sentences: Iterable[str], style: Style = "plain") -> list[Paragraph]:
    """Return a paragraph for each sentence that is not empty."""
    return [Paragraph(sentence, style) for sentence in sentences if sentence]


def flattened(blocks: Iterable[Block]) -> Iterator[Block]:
    """Yield the blocks with those of groups in place of the groups, for text formats."""
    for block in blocks:
        if isinstance(block, Group):
            if block.title:
                yield Heading(block.title)
            yield from flattened(block.blocks)
        else:
            yield block


def paragraphs_only(section: Section) -> Section:
    """Return a section without its tables and figures, for a summary."""
    kept = (b for b in flattened(section.blocks) if isinstance(b, Paragraph))
    return replace(section, blocks=tuple(kept))


def _flat(part: Block | Iterable[Block] | None) -> Iterable[Block]:
    if part is None:
        return ()
    return (part,) if isinstance(part, Block) else part


def _has_content(block: Block) -> bool:
    match block:
        case Paragraph(text=text) | Heading(text=text) | Code(text=text):
            return bool(text.strip())
        case KeyValues(items=items):
            return bool(items)
        case Table(rows=rows):
            return bool(rows)
        case Group(blocks=blocks):
            return bool(blocks)
        case _:
            return True
