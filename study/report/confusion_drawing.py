"""A confusion matrix as an SVG drawing, for a trial's page in the dashboard."""

from __future__ import annotations

from collections.abc import Sequence

from study.common.formats import percent
from study.report.svg import drawing, text

_TOP, _EDGE = 78, 20
_LETTER = 7.0
"""Width of a letter of a class's name, in pixels."""
_LONGEST = 30
"""Letters of a class's name that are shown."""
_INVERSE_FROM = 0.6
"""Cells with a larger share get light text."""

_RULES = (
    (".cell", "fill", "accent"),
    (".empty", "fill", "sunken"),
    (".small", "fill", "muted"),
    (".inverse", "fill", "inverse"),
)
_FIXED = (
    ".title{font-size:15px;font-weight:600}.small{font-size:12px}.name{font-size:13px}"
    ".right{text-anchor:end}.middle{text-anchor:middle}.count{font-size:13px;text-anchor:middle}"
)

Counts = Sequence[Sequence[int]]


def confusion_svg(counts: Counts, classes: Sequence[str], *, title: str) -> str:
    """Return the drawing of a confusion matrix; empty without images.

    Rows carry a number and a name, columns the number alone, so that long names stay readable.

    Args:
        counts: Images by true class (row) and predicted class (column).
        classes: Names, in label order; a class without one is shown by its number.
        title: Heading.
    """
    if not any(map(any, counts)):
        return ""
    names = [_name(index, classes) for index in range(len(counts))]
    cell = 52 if len(counts) <= 6 else 40
    left = _EDGE + _LETTER * max(map(len, names)) + 12
    width = max(left + cell * len(counts) + _EDGE, _EDGE * 2 + 8.5 * len(title))
    height = _TOP + cell * len(counts) + _EDGE
    centre = left + cell * len(counts) / 2
    return drawing(
        text(_EDGE, 28, title, "title ink")
        + text(centre, _TOP - 26, "taken for", "small middle")
        + _headings(names, left=left, cell=cell)
        + "".join(
            _cell(count, sum(row), left + cell * column, _TOP + cell * line, cell)
            for line, row in enumerate(counts)
            for column, count in enumerate(row)
        ),
        size=(width, height),
        title=title,
        description=_description(counts, names),
        rules=_RULES,
        fixed=_FIXED,
    )


def _name(index: int, classes: Sequence[str]) -> str:
    name = classes[index] if index < len(classes) else ""
    if name in ("", str(index)):
        return str(index)
    short = name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
    return f"{short} · {index}"


def _headings(names: Sequence[str], *, left: float, cell: float) -> str:
    rows = (
        text(left - 10, _TOP + cell * (index + 0.5) + 5, name, "name ink right")
        for index, name in enumerate(names)
    )
    columns = (
        text(left + cell * (index + 0.5), _TOP - 8, str(index), "name ink middle")
        for index in range(len(names))
    )
    return "".join([*rows, *columns])


def _cell(count: int, total: int, x: float, y: float, side: float) -> str:
    share = count / total if total else 0.0
    box = f'x="{x + 1:g}" y="{y + 1:g}" width="{side - 2:g}" height="{side - 2:g}" rx="3"'
    shade = f'<rect class="cell" {box} fill-opacity="{share:.3f}"/>' if count else ""
    kind = "count inverse" if share > _INVERSE_FROM else "count ink"
    number = text(x + side / 2, y + side / 2 + 5, str(count), kind) if count else ""
    return f'<rect class="empty" {box}/>{shade}{number}'


def _description(counts: Counts, names: Sequence[str]) -> str:
    total = sum(map(sum, counts))
    right = sum(row[index] for index, row in enumerate(counts))
    rows = "; ".join(
        f"{name}: {', '.join(map(str, row))}" for name, row in zip(names, counts, strict=True)
    )
    return f"{right} of {total} images ({percent(right / total)}) on the diagonal. {rows}."
