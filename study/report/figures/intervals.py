"""Means with intervals, one a line, with the single runs behind them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from study.common.escaping import in_plot
from study.common.formats import listed, measure, metric_headline, metric_words, percent
from study.report.figures.figure import ACCENT, MARK, PRUNED, Figure, axis, blank
from study.results.outcomes import Confirmation, Spread


@dataclass(frozen=True, slots=True, kw_only=True)
class IntervalRow:
    """One line of the plot.

    Args:
        label: What it is.
        spread: Mean and interval.
        points: Single runs.
        before: An earlier, less trusted number, as the search's; None for none.
    """

    label: str
    spread: Spread
    points: tuple[float, ...] = ()
    before: float | None = None


def intervals(
    rows: Sequence[IntervalRow], *, name: str, title: str, text: str, heading: str
) -> Figure | None:
    """Return the intervals, first row on top; None without rows.

    Args:
        rows: Lines of the plot.
        name: File name without ending.
        title: Heading.
        text: The figure in words.
        heading: What the horizontal axis measures.
    """
    if not rows:
        return None
    plot = blank(
        x=axis(in_plot(heading)),
        y=axis(
            autorange="reversed",
            showgrid=False,
            type="category",
            categoryorder="array",
            categoryarray=[in_plot(row.label) for row in rows],
        ),
        height=130 + 44 * len(rows),
    )
    _add_runs(plot, rows)
    _add_means(plot, rows)
    _add_before(plot, rows)
    return Figure(name=name, title=title, text=text, plot=plot)


def confirmed(result: Confirmation | None) -> Figure | None:
    """Return the confirmed candidates: fresh runs, their interval, what the search had seen."""
    if result is None or not result.candidates:
        return None
    rows = [
        IntervalRow(
            label=f"Trial {c.number}",
            spread=c.fresh,
            points=c.fresh_values,
            before=c.search_value,
        )
        for c in result.candidates
    ]
    told = [f"trial {c.number} {_spread_words(result.metric, c.fresh)}" for c in result.candidates]
    return intervals(
        rows,
        name="confirmation",
        title="What fresh seeds say",
        text=f"Mean {metric_words(result.metric)} over fresh seeds, with "
        f"{percent(result.level, 0)} intervals: {listed(told)}.",
        heading=metric_headline(result.metric),
    )


def _spread_words(metric: str, spread: Spread) -> str:
    mean = measure(metric, spread.mean)
    if spread.low is None or spread.high is None:
        return mean
    return f"{mean} [{measure(metric, spread.low)}, {measure(metric, spread.high)}]"


def _add_runs(plot: go.Figure, rows: Sequence[IntervalRow]) -> None:
    points = [(point, in_plot(row.label)) for row in rows for point in row.points]
    if points:
        plot.add_scatter(
            x=[point for point, _ in points],
            y=[label for _, label in points],
            mode="markers",
            name="One run",
            marker={"color": MARK, "size": 8, "symbol": "line-ns-open", "line": {"width": 2}},
            hovertemplate="%{y}, one run: %{x:.4f}<extra></extra>",
        )


def _add_means(plot: go.Figure, rows: Sequence[IntervalRow]) -> None:
    ends = [(row.spread.mean, row.spread.low, row.spread.high) for row in rows]
    plot.add_scatter(
        x=[row.spread.mean for row in rows],
        y=[in_plot(row.label) for row in rows],
        mode="markers",
        name="Mean and interval",
        marker={"color": ACCENT, "size": 12},
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [0.0 if high is None else high - mean for mean, _, high in ends],
            "arrayminus": [0.0 if low is None else mean - low for mean, low, _ in ends],
            "color": ACCENT,
            "thickness": 2.5,
            "width": 7,
        },
        hovertemplate="%{y}, mean: <b>%{x:.4f}</b><extra></extra>",
    )


def _add_before(plot: go.Figure, rows: Sequence[IntervalRow]) -> None:
    before = [(row.before, in_plot(row.label)) for row in rows if row.before is not None]
    if before:
        plot.add_scatter(
            x=[number for number, _ in before],
            y=[label for _, label in before],
            mode="markers",
            name="Seen by the search",
            marker={"color": PRUNED, "size": 11, "symbol": "diamond-open", "line": {"width": 2}},
            hovertemplate="%{y}, the search's value: %{x:.4f}<extra></extra>",
        )
