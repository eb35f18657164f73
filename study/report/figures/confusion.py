"""The confusion matrix: what each class was taken for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from study.common.escaping import in_plot
from study.common.formats import percent
from study.report.figures.figure import ACCENT, INK, INVERSE, SCALE, SOFT, Figure, axis, blank
from study.results.outcomes import FinalTest

_DARK_FROM = 0.6
"""Cells darker than this share of the scale get light text."""


def confusion(result: FinalTest | None) -> Figure | None:
    """Return the matrix of true and predicted classes; None where there is none."""
    if result is None or not result.confusion:
        return None
    names = class_names(result)
    shares = [_shares(row) for row in result.confusion]
    across = [in_plot(name) for name in names]
    down = [name.replace(" ", "<br>") for name in across]
    plot = blank(
        x=axis("Predicted as", side="top", showgrid=False, type="category", fixedrange=True),
        y=axis("True", autorange="reversed", showgrid=False, type="category", fixedrange=True),
        height=150 + 58 * len(names),
        annotations=_annotations(result.confusion, shares, across, down),
    )
    plot.add_heatmap(
        z=shares,
        x=across,
        y=down,
        zmin=0,
        zmax=1,
        colorscale=[[0, SOFT], [0.35, SCALE[2]], [1, ACCENT]],
        showscale=False,
        xgap=2,
        ygap=2,
        customdata=result.confusion,
        hovertemplate="%{y} taken for %{x}: %{customdata} images, %{z:.1%}<extra></extra>",
    )
    return Figure(
        name="confusion",
        title="What each class was taken for",
        text=_text(result.confusion, shares, names),
        plot=plot,
    )


def class_names(result: FinalTest) -> list[str]:
    """Return the names of the classes, in label order; numbers where they have none."""
    names = [each.name for each in result.classes]
    rows = len(result.confusion)
    return names if len(names) == rows and len(set(names)) == rows else list(map(str, range(rows)))


def _shares(row: Sequence[int]) -> list[float]:
    total = sum(row)
    return [count / total if total else 0.0 for count in row]


def _annotations(
    counts: Sequence[Sequence[int]],
    shares: Sequence[Sequence[float]],
    across: Sequence[str],
    down: Sequence[str],
) -> list[dict[str, Any]]:
    return [
        {
            "x": across[column],
            "y": down[row],
            "text": f"<b>{count}</b>",
            "showarrow": False,
            "font": {"size": 14, "color": INVERSE if shares[row][column] > _DARK_FROM else INK},
        }
        for row, line in enumerate(counts)
        for column, count in enumerate(line[: len(across)])
    ]


def _text(
    counts: Sequence[Sequence[int]], shares: Sequence[Sequence[float]], names: Sequence[str]
) -> str:
    total = sum(map(sum, counts))
    right = sum(row[i] for i, row in enumerate(counts))
    if not total:
        return "No images were classified."
    start = f"{right} of {total} images ({percent(right / total)}) on the diagonal."
    wrong = [
        (share, row, column)
        for row, line in enumerate(shares)
        for column, share in enumerate(line)
        if row != column and share > 0
    ]
    if not wrong:
        return start
    share, row, column = max(wrong, key=lambda item: (item[0], -item[1], -item[2]))
    return (
        f"{start} The most frequent mistake: {percent(share, 0)} of {names[row]} taken for "
        f"{names[column]}."
    )
