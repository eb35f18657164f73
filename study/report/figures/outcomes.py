"""Figures about the confirmation and the final test."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from study.common.formats import describe_metric, in_plot, listed, metric_headline, percent
from study.confirmation.result import Confirmation
from study.final_test.result import CALIBRATION, FinalTest
from study.report.document import Figure
from study.report.figures.kit import (
    SHADES,
    axis,
    blank,
    category_axis,
)
from study.report.outcomes import describe_spread
from study.report.palette import LIGHT
from study.statistics.results import Spread

_DARK_FROM = 0.6
"""Share above which a cell of the confusion matrix has light text."""


def confirmation_figure(result: Confirmation | None) -> Figure | None:
    """Return the fresh runs of each candidate, their interval and the search's value."""
    if result is None:
        return None
    labels = [f"Trial {candidate.number}" for candidate in result.candidates]
    plot = blank(
        x=axis(in_plot(metric_headline(result.metric))),
        y=category_axis(labels, autorange="reversed", showgrid=False),
        height=130 + 44 * len(labels),
    )
    rows = list(zip(labels, result.candidates, strict=True))
    runs = [(value, label) for label, c in rows for value in c.fresh_values]
    before = [(c.search_value, label) for label, c in rows if c.search_value is not None]
    _add_marks(
        plot,
        runs,
        "One run",
        marker={"color": LIGHT["mark"], "size": 8, "symbol": "line-ns-open", "line": {"width": 2}},
        hovertemplate="%{y}, one run: %{x:.4f}<extra></extra>",
    )
    _add_marks(
        plot,
        [(c.fresh.mean, label) for label, c in rows],
        "Mean and interval",
        marker={"color": LIGHT["accent"], "size": 12},
        error_x=_error_bars([c.fresh for c in result.candidates]),
        hovertemplate="%{y}, mean: <b>%{x:.4f}</b><extra></extra>",
    )
    _add_marks(
        plot,
        before,
        "Seen by the search",
        marker={
            "color": LIGHT["pruned"],
            "size": 11,
            "symbol": "diamond-open",
            "line": {"width": 2},
        },
        hovertemplate="%{y}, the search's value: %{x:.4f}<extra></extra>",
    )
    means = [
        f"trial {candidate.number} {describe_spread(result.metric, candidate.fresh)}"
        for candidate in result.candidates
    ]
    return Figure(
        name="confirmation",
        title="What fresh seeds say",
        text=f"Mean {describe_metric(result.metric)} over fresh seeds, with "
        f"{percent(result.level, 0)} intervals: {listed(means)}.",
        plot=plot,
    )


def _add_marks(plot: Any, points: Sequence[tuple[float, str]], name: str, **style: Any) -> None:
    if points:
        plot.add_scatter(
            x=[number for number, _ in points],
            y=[in_plot(label) for _, label in points],
            mode="markers",
            name=name,
            **style,
        )


def _error_bars(spreads: Sequence[Spread]) -> dict[str, Any]:
    return {
        "type": "data",
        "symmetric": False,
        "array": [s.interval.high - s.mean if s.interval else 0.0 for s in spreads],
        "arrayminus": [s.mean - s.interval.low if s.interval else 0.0 for s in spreads],
        "color": LIGHT["accent"],
        "thickness": 2.5,
        "width": 7,
    }


def confusion_figure(result: FinalTest | None) -> Figure | None:
    """Return the matrix of true and predicted classes of the exported network."""
    if result is None:
        return None
    counts = result.first.confusion
    names = class_names(result)
    shares = [[count / sum(row) if sum(row) else 0.0 for count in row] for row in counts]
    across = [in_plot(name) for name in names]
    down = [name.replace(" ", "<br>") for name in across]
    plot = blank(
        x=axis("Predicted as", side="top", showgrid=False, type="category", fixedrange=True),
        y=axis("True", autorange="reversed", showgrid=False, type="category", fixedrange=True),
        height=150 + 58 * len(names),
        annotations=[
            {
                "x": across[column],
                "y": down[row],
                "text": f"<b>{count}</b>",
                "showarrow": False,
                "font": {
                    "size": 14,
                    "color": LIGHT["inverse"]
                    if shares[row][column] > _DARK_FROM
                    else LIGHT["ink"],
                },
            }
            for row, line in enumerate(counts)
            for column, count in enumerate(line[: len(across)])
        ],
    )
    plot.add_heatmap(
        z=shares,
        x=across,
        y=down,
        zmin=0,
        zmax=1,
        colorscale=[[0, LIGHT["accent_soft"]], [0.35, SHADES[2]], [1, LIGHT["accent"]]],
        showscale=False,
        xgap=2,
        ygap=2,
        customdata=counts,
        hovertemplate="%{y} taken for %{x}: %{customdata} images, %{z:.1%}<extra></extra>",
    )
    return Figure(
        name="confusion",
        title="What each class was taken for",
        text=_confusion_text(counts, shares, names),
        plot=plot,
    )


def class_names(result: FinalTest) -> list[str]:
    """Return the names of the classes in label order; their labels where names are missing."""
    names = [each.name for each in result.classes]
    rows = len(result.first.confusion)
    return names if len(names) == rows and len(set(names)) == rows else list(map(str, range(rows)))


def _confusion_text(
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


def reliability_figure(result: FinalTest | None) -> Figure | None:
    """Return accuracy over confidence; None without bins.

    A well calibrated network is right in 8 of 10 cases in which it states a probability of 0.8.
    """
    if result is None or not result.reliability:
        return None
    bins = sorted(result.reliability, key=lambda each: each.confidence)
    most = max(each.images for each in bins) or 1
    plot = blank(
        x=axis("Probability of the predicted class", range=[0, 1.02], tickformat=".0%"),
        y=axis("Share that was right", range=[0, 1.04], tickformat=".0%"),
        height=380,
    )
    plot.add_scatter(
        x=[0, 1],
        y=[0, 1],
        mode="lines",
        name="Perfectly calibrated",
        line={"color": LIGHT["mark"], "dash": "dash", "width": 1.5},
        hoverinfo="skip",
    )
    plot.add_scatter(
        x=[each.confidence for each in bins],
        y=[each.accuracy for each in bins],
        mode="lines+markers",
        name="This network; size by images",
        line={"color": LIGHT["accent"], "width": 2},
        marker={
            "color": LIGHT["accent"],
            "size": [7 + 15 * (b.images / most) ** 0.5 for b in bins],
        },
        customdata=[each.images for each in bins],
        hovertemplate="confidence %{x:.1%}, right %{y:.1%}, %{customdata} images<extra></extra>",
    )
    widest = max(bins, key=lambda each: abs(each.confidence - each.accuracy))
    error = f"Expected calibration error {percent(result.first.measures[CALIBRATION])}. "
    return Figure(
        name="reliability",
        title="How reliable its probabilities are",
        text=f"{error}The widest gap: predictions made with {percent(widest.confidence, 0)} "
        f"confidence were right in {percent(widest.accuracy, 0)} of {widest.images} cases.",
        plot=plot,
    )
