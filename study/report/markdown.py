"""A report in Markdown, as GitHub and optuna-dashboard read it; figures as their text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from study.common.formats import code, in_markdown
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


def render_markdown(*contents: Document | Section | Block) -> str:
    """Return a report, or parts of one, as Markdown that ends in a newline."""
    return redacted("\n\n".join(part for each in contents for part in _parts(each)) + "\n")


def _parts(content: Document | Section | Block) -> Iterator[str]:
    match content:
        case Document():
            yield f"# {in_markdown(content.title)}"
            yield from _blocks([Paragraph(notice, "notice") for notice in content.notices])
            if content.lead:
                yield in_markdown(content.lead)
            for section in content.sections:
                yield from _parts(section)
        case Section(blocks=blocks, heading=heading):
            if blocks:
                yield f"## {in_markdown(heading)}"
                yield from _blocks(flattened(blocks))
        case Group():
            yield from _blocks(flattened([content]))
        case _:
            yield _block(content)


def _blocks(blocks: Iterable[Block]) -> Iterator[str]:
    yield from map(_block, blocks)


def _block(block: Block) -> str:
    match block:
        case Paragraph():
            return _paragraph(block)
        case Heading(text=text):
            return f"### {in_markdown(text)}"
        case KeyValues(items=items):
            return "\n".join(
                f"- {in_markdown(item.key)}: {in_markdown(item.value)}"
                + (f" ({in_markdown(item.remark)})" if item.remark else "")
                for item in items
            )
        case Table():
            return _table(block)
        case Code():
            return _fenced(block)
        case Figure(title=title, text=text):
            return f"{in_markdown(title)}: {in_markdown(text)}"
        case Group(blocks=blocks):
            return "\n\n".join(_blocks(flattened(blocks)))


def _paragraph(paragraph: Paragraph) -> str:
    if paragraph.style == "code":
        return code(paragraph.text)
    text = in_markdown(paragraph.text)
    return {"strong": f"**{text}**", "notice": f"> {text}"}.get(paragraph.style, text)


def _table(table: Table) -> str:
    rule = " | ".join("---:" if column.numeric else "---" for column in table.columns)
    lines = [[column.heading for column in table.columns], *table.rows]
    head, *rows = (" | ".join(map(in_markdown, cells)) for cells in lines)
    caption = [in_markdown(table.caption), ""] if table.caption else []
    return "\n".join([*caption, *(f"| {line} |" for line in (head, rule, *rows))])


def _fenced(block: Code) -> str:
    """Return literal text in a fence that is longer than any inside it."""
    fence = "```"
    while fence in block.text:
        fence += "`"
    return f"{fence}{block.language}\n{block.text.strip()}\n{fence}"
