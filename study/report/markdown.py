"""A report in Markdown, as GitHub and optuna-dashboard read it; figures as their text."""

from __future__ import annotations

from study.common.formats import code, in_markdown
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


def render_markdown(*contents: Content) -> str:
    """Return a report, or parts of one, as Markdown that ends in a newline."""
    return redacted("\n\n".join(map(_block, flattened(*contents))) + "\n")


def _block(block: Block) -> str:
    match block:
        case Paragraph(text=text, style="code"):
            return code(text)
        case Paragraph(text=text, style="strong"):
            return f"**{in_markdown(text)}**"
        case Paragraph(text=text, style="notice"):
            return f"> {in_markdown(text)}"
        case Paragraph(text=text):
            return in_markdown(text)
        case Heading(text=text, level=level):
            return f"{'#' * level} {in_markdown(text)}"
        case KeyValues(pairs=pairs):
            return "\n".join(f"- {in_markdown(key)}: {in_markdown(value)}" for key, value in pairs)
        case Table():
            return _table(block)
        case Code():
            return _fenced(block)
        case Figure(title=title, text=text):
            return f"{in_markdown(title)}: {in_markdown(text)}"
    raise AssertionError(f"{type(block).__name__} has no form in Markdown")


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
