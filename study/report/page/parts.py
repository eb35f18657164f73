"""The page's building blocks: sections, tables, figures, key numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from study.report.document import Figure
from study.report.page.elements import Child, Markup, data_text, joined, tag
from study.report.table import Table

_HALF_PAGE = 58
"""A table of so many characters fits beside another."""
_LONG = 24
"""A column with a text longer than this is kept from getting too narrow to read."""
_FOLD_ABOVE = 20
_ROWS_OPEN = 15
"""A table of more rows than ``_FOLD_ABOVE`` shows so many and folds the rest."""


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
    if len(content.rows) <= _FOLD_ABOVE:
        return _table(content, content.rows, 0, content.caption)
    head, rest = content.rows[:_ROWS_OPEN], content.rows[_ROWS_OPEN:]
    shown = _table(content, head, 0, content.caption)
    more = _table(content, rest, _ROWS_OPEN, f"{content.caption}, continued")
    return tag("div", shown, folded(f"The other {len(rest)}", more))


def _table(content: Table, rows: Sequence[Sequence[str]], first: int, caption: str) -> Markup:
    heads = (
        tag("th", heading, scope="col", class_="n" if i in content.numeric else None)
        for i, heading in enumerate(content.headers)
    )
    kinds = _column_kinds(content)
    body = (_row(row, kinds, strong=first + i in content.strong) for i, row in enumerate(rows))
    inner = tag(
        "table",
        tag("caption", tag("span", caption)),
        tag("thead", tag("tr", *heads)),
        tag("tbody", *body),
    )
    kind = "scroll" if _characters(content) <= _HALF_PAGE else "scroll span"
    return tag("div", inner, class_=kind, role="region", tabindex="0", aria_label=caption)


def _characters(content: Table) -> int:
    """Return how many characters wide a table is."""
    lines = (content.headers, *content.rows)
    return sum(max(map(len, column)) for column in zip(*lines, strict=True))


def _column_kinds(content: Table) -> list[str | None]:
    """Return each column's class: numbers stand flush right, long texts get room."""
    longest = [max(map(len, column)) for column in zip(*content.rows, strict=True)]
    return [
        "n" if index in content.numeric else "long" if length > _LONG else None
        for index, length in enumerate(longest)
    ]


def _row(row: Sequence[str], kinds: Sequence[str | None], *, strong: bool) -> Markup:
    cells = (tag("td", cell, class_=kind) for cell, kind in zip(row, kinds, strict=True))
    return tag("tr", *cells, class_="strong" if strong else None)


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
            data_name=content.name,
            data_narrowest=str(content.narrowest),
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
    for group, grouped in groupby(contents, key=lambda content: content.group):
        members = list(grouped)
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
