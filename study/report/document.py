"""A report as data: a document is a list of sections, and a section is a list of blocks.

A document is built once and rendered by ``terminal``, ``markdown`` and ``html``. Every text in it
is plain text: the renderers escape it, and remove passwords as their last step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

Item = TypeVar("Item")

Style = Literal["plain", "strong", "quiet", "notice", "code"]
"""``strong`` is for the one line to remember, ``quiet`` for what is absent, ``notice`` for a
warning, ``code`` for an expression such as an architecture."""


@dataclass(frozen=True, slots=True)
class Paragraph:
    """One sentence or a few."""

    text: str
    style: Style = "plain"


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading; level 1 is the document's title, level 2 a section's."""

    text: str
    level: int = 3


@dataclass(frozen=True, slots=True)
class KeyValues:
    """A list of names with their values."""

    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class KeyNumber:
    """A number at the top of a page, with its name above and a short remark below."""

    name: str
    value: str
    remark: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a table.

    Args:
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
        strong: Indices of the rows that stand out.
    """

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    strong: frozenset[int] = frozenset()


def table_of(
    caption: str,
    items: Iterable[Item],
    *fields: tuple[Column, Callable[[Item], str]],
    strong: Iterable[int] = (),
) -> Table:
    """Return a table with a row for each item; a field is a column and what fills its cells."""
    return Table(
        caption=caption,
        columns=tuple(column for column, _ in fields),
        rows=tuple(tuple(cell(item) for _, cell in fields) for item in items),
        strong=frozenset(strong),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A plot or a drawing, with its content in words.

    Args:
        name: File name without suffix: ``history``.
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
    """Literal text such as YAML or a command; Markdown names the language."""

    text: str
    language: str = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Blocks that a page arranges; text formats show them one after another.

    Args:
        layout: ``beside`` for text with a drawing at its side, ``panels`` for two or more blocks
            side by side, ``folded`` for blocks that open on demand.
        title: What a folded group holds; a heading for the other layouts, or empty.
    """

    layout: Literal["beside", "panels", "folded"]
    blocks: tuple[Block, ...]
    title: str = ""


Block = Paragraph | Heading | KeyValues | Table | Figure | Code | Group


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A part of the document with a heading; without blocks it is not shown.

    Args:
        anchor: Name of the section in links.
        short: Heading in the table of contents; empty for the heading itself.
    """

    anchor: str
    heading: str
    blocks: tuple[Block, ...]
    short: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A whole report.

    Args:
        kind: What kind of report it is, in a few words.
        lead: One sentence under the title.
        notices: What a reader must know first.
        numbers: Only a page shows them.
    """

    title: str
    kind: str = ""
    lead: str = ""
    notices: tuple[str, ...] = ()
    numbers: tuple[KeyNumber, ...] = ()
    sections: tuple[Section, ...]


Content = Document | Section | Block


def blocks_of(*parts: Block | Iterable[Block] | None) -> tuple[Block, ...]:
    """Return the blocks that have content, in order; None and empty blocks are left out."""
    return tuple(block for part in parts for block in _flat(part) if _has_content(block))


def paragraphs(sentences: Iterable[str], style: Style = "plain") -> list[Paragraph]:
    """Return a paragraph for each sentence that is not empty."""
    return [Paragraph(sentence, style) for sentence in sentences if sentence]


def flattened(*contents: Content) -> Iterator[Block]:
    """Yield headings and blocks without groups and sections around them, for text formats."""
    for content in contents:
        match content:
            case Document(title=title, notices=notices, lead=lead, sections=sections):
                yield Heading(title, level=1)
                yield from paragraphs(notices, "notice")
                yield from paragraphs([lead])
                yield from flattened(*sections)
            case Section(heading=heading, blocks=blocks):
                if blocks:
                    yield Heading(heading, level=2)
                yield from flattened(*blocks)
            case Group(title=title, blocks=blocks):
                if title:
                    yield Heading(title)
                yield from flattened(*blocks)
            case _:
                yield content


def _flat(part: Block | Iterable[Block] | None) -> Iterable[Block]:
    if part is None:
        return ()
    return (part,) if isinstance(part, Block) else part


def _has_content(block: Block) -> bool:
    match block:
        case Paragraph(text=text) | Heading(text=text) | Code(text=text):
            return bool(text.strip())
        case KeyValues(pairs=content) | Table(rows=content) | Group(blocks=content):
            return bool(content)
        case _:
            return True
