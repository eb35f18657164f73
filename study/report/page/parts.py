"""The page's building blocks: sections, tables, figures, key numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from study.report.figures.figure import Figure
from study.report.page.elements import Child, Markup, data_text, joined, tag
from study.report.table import Table

_ROWS_OPEN = 15
"""A longer table shows so many rows and folds the rest."""


def section(anchor: str, heading: str, *children: Child) -> Markup:
    """Return a section with its heading; empty where it has no content."""
    content = joined(children)
    if not content:
        return Markup("")
    title = tag("h2", heading, id=f"{anchor}-heading")
    return tag("section", title, content, id=anchor, aria_labelledby=f"{anchor}-heading")


def paragraphs(sentences: Iterable[str]) -> Markup:
    """Return a paragraph for each sentence that is not empty."""
    return joined(tag("p", sentence) for sentence in sentences if sentence)


def table(content: Table | None) -> Markup:
    """Return a table that scrolls sideways on a narrow screen; a long one folds its tail."""
    if content is None or not content.rows:
        return Markup("")
    head, rest = content.rows[:_ROWS_OPEN], content.rows[_ROWS_OPEN:]
    shown = _table(content, head, 0, content.caption)
    if not rest:
        return shown
    more = _table(content, rest, _ROWS_OPEN, f"{content.caption}, continued")
    return joined([shown, tag("details", tag("summary", f"The other {len(rest)}"), more)])


def _table(content: Table, rows: Sequence[Sequence[str]], first: int, caption: str) -> Markup:
    heads = (
        tag("th", heading, scope="col", class_="n" if i in content.numeric else None)
        for i, heading in enumerate(content.headers)
    )
    body = (_row(content, row, first + i) for i, row in enumerate(rows))
    inner = tag(
        "table",
        tag("caption", caption),
        tag("thead", tag("tr", *heads)),
        tag("tbody", *body),
    )
    return tag("div", inner, class_="scroll", role="region", tabindex="0", aria_label=caption)


def _row(content: Table, row: Sequence[str], index: int) -> Markup:
    cells = (
        tag("td", cell, class_="n" if i in content.numeric else None) for i, cell in enumerate(row)
    )
    return tag("tr", *cells, class_="strong" if index in content.strong else None)


def figure(content: Figure, level: str = "h3") -> Markup:
    """Return a figure: heading, plot, and the same in words; the words need no script."""
    label = f"figure-{content.name}"
    height = content.plot.layout.height or 360
    return tag(
        "figure",
        tag(level, content.title, id=label),
        tag(
            "div",
            data_text(content.plot.to_json(), class_="plot-data"),
            class_="plot",
            style=f"min-height:{height}px",
            role="img",
            aria_labelledby=label,
            aria_describedby=f"{label}-text",
        ),
        tag("figcaption", content.text, id=f"{label}-text"),
    )


def figures(contents: Sequence[Figure]) -> Markup:
    """Return figures in order; those of a group stand side by side under its heading."""
    parts: list[Markup] = []
    for group in dict.fromkeys(content.group for content in contents):
        members = [content for content in contents if content.group == group]
        if group:
            inner = joined(figure(member, "h4") for member in members)
            parts += [tag("h3", group), tag("div", inner, class_="panels")]
        else:
            parts += [figure(member) for member in members]
    return joined(parts)


def key_numbers(pairs: Iterable[tuple[str, str, str]]) -> Markup:
    """Return key numbers as a list of terms: what, the number, a remark."""
    items = (
        tag("div", tag("dt", what), tag("dd", tag("b", number), tag("span", remark)))
        for what, number, remark in pairs
    )
    return tag("dl", *items, class_="numbers")


def literal(text: str) -> Markup:
    """Return text as it is, line by line; empty for none."""
    if not text.strip():
        return Markup("")
    return tag("pre", tag("code", text.strip("\n")), tabindex="0")


def folded(title: str, *children: Child) -> Markup:
    """Return content that opens on demand; empty where there is none."""
    content = joined(children)
    return tag("details", tag("summary", title), content) if content else Markup("")
