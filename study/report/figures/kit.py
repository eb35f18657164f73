"""Parts that all figures share: colours, axes, traces of trials, hover labels."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from study.common.formats import headline, in_plot, measure, metric_headline, short, value
from study.report.document import Figure
from study.report.palette import LIGHT
from study.report.study_summary import StudySummary
from study.results.describe import describe_architecture, describe_state, is_large_space
from study.search_space.candidate import Value
from study.storage.records import TrialRecord

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"

SHADES = tuple(LIGHT[role] for role in ("scale_1", "scale_2", "scale_3", "scale_4", "accent"))
"""Five shades from the weakest to the strongest."""

INACTIVE = -0.1
"""Position of a parameter that is not active."""
LOG_RATIO = 30.0
"""Positive numbers whose ratio is at least this are drawn on a logarithmic axis."""

_TITLE_HEIGHT = 66
"""Space for the title and the legend below it, in pixels."""
_FEW = 10
"""An axis of whole numbers of at most this length labels each number."""
_NARROW = 0.75
"""Values within this share of an axis are worth naming as a narrow range."""
_MOST_TICKS = 5
"""Up to this many different numbers are all labelled; else the ends and the middle are."""


def axis(title: str = "", **more: Any) -> dict[str, Any]:
    """Return the layout of one axis."""
    named = {"text": title, "font": {"size": 13, "color": LIGHT["muted"]}, "standoff": 10}
    return {
        **({"title": named} if title else {}),
        "gridcolor": LIGHT["line"],
        "linecolor": LIGHT["line"],
        "zeroline": False,
        "automargin": True,
        "tickfont": {"size": 12, "color": LIGHT["muted"]},
        **more,
    }


def metric_axis(metric: str) -> dict[str, Any]:
    """Return the layout of an axis that shows a metric."""
    return axis(in_plot(metric_headline(metric)))


def whole_axis(title: str, numbers: Iterable[float]) -> dict[str, Any]:
    """Return the layout of an axis of whole numbers, without fractions as labels."""
    shown = list(numbers)
    few = bool(shown) and max(shown) - min(shown) <= _FEW
    return axis(title, tickformat="d", **({"dtick": 1} if few else {}))


def category_axis(texts: Sequence[str], **more: Any) -> dict[str, Any]:
    """Return the layout of an axis of texts in this order."""
    names = [in_plot(text) for text in texts]
    return axis(type="category", categoryorder="array", categoryarray=names, **more)


def blank(*, x: dict[str, Any], y: dict[str, Any], height: int = 360, **more: Any) -> go.Figure:
    """Return an empty plot in the report's style, as wide as the reader's page.

    Args:
        height: In pixels.
        more: More of plotly's layout.
    """
    layout: dict[str, Any] = {
        "template": "none",
        "xaxis": x,
        "yaxis": y,
        "height": height,
        "font": {"family": FONT, "size": 13, "color": LIGHT["ink"]},
        "paper_bgcolor": LIGHT["paper"],
        "plot_bgcolor": LIGHT["paper"],
        "margin": {"l": 8, "r": 12, "t": 12, "b": 8},
        "hoverlabel": {
            "bgcolor": LIGHT["paper"],
            "bordercolor": LIGHT["line"],
            "font": {"color": LIGHT["ink"]},
        },
        "legend": {
            "orientation": "h",
            "x": 0,
            "y": 1.02,
            "yanchor": "bottom",
            "font": {"size": 12.5, "color": LIGHT["ink"]},
            "bgcolor": LIGHT["paper"],
        },
        "hovermode": "closest",
    }
    return go.Figure(layout={**layout, **more})


def standalone(figure: Figure) -> go.Figure:
    """Return a figure's plot with its title in it, for a file or the dashboard."""
    title = {
        "text": in_plot(figure.title),
        "font": {"size": 17},
        "x": 0.02,
        "y": 1,
        "yref": "container",
        "yanchor": "top",
        "pad": {"t": 16},
    }
    plot = go.Figure(figure.plot)
    height = (plot.layout.height or 360) + _TITLE_HEIGHT
    margin = {"l": 20, "r": 20, "t": 12 + _TITLE_HEIGHT, "b": 16}
    return plot.update_layout(title=title, height=height, margin=margin)


def add_points(
    plot: go.Figure,
    name: str,
    points: Sequence[tuple[Any, Any, TrialRecord]],
    summary: StudySummary,
    **style: Any,
) -> None:
    """Add a point for each trial at its x and y; the legend shows their number."""
    if points:
        plot.add_scatter(
            x=[x for x, _, _ in points],
            y=[y for _, y, _ in points],
            name=f"{name} ({len(points)})",
            text=[trial_hover(record, summary) for _, _, record in points],
            hovertemplate="%{text}<extra></extra>",
            **{"mode": "markers", **style},
        )


def add_lines(
    plot: go.Figure,
    name: str,
    lines: Sequence[tuple[Sequence[tuple[float, float]], TrialRecord]],
    summary: StudySummary,
    **style: Any,
) -> None:
    """Add the lines of trials as one trace with gaps, which is fast for a thousand lines."""
    x: list[float | None] = []
    y: list[float | None] = []
    text: list[str] = []
    for points, record in lines:
        x += [*(across for across, _ in points), None]
        y += [*(up for _, up in points), None]
        text += [trial_hover(record, summary)] * (len(points) + 1)
    if lines:
        plot.add_scatter(
            x=x,
            y=y,
            mode="lines+markers",
            name=name,
            text=text,
            **{"hovertemplate": "%{text}<extra></extra>", **style},
        )


def trial_hover(record: TrialRecord, summary: StudySummary) -> str:
    """Return the hover label of a trial in plotly's HTML tags, with user text escaped."""
    lines = [f"<b>Trial {record.number}</b>, {in_plot(describe_state(record))}"]
    for objective, number in zip(summary.objectives, record.objectives, strict=False):
        heading = in_plot(metric_headline(objective.metric))
        lines.append(f"{heading}: <b>{measure(objective.metric, number)}</b>")
    if is_large_space(list(record.params)):
        lines.append(in_plot(describe_architecture(record.architecture)))
    else:
        lines += [f"{in_plot(headline(n))}: {in_plot(value(v))}" for n, v in record.params.items()]
    if record.parameters is not None:
        lines.append(f"{short(record.parameters)} parameters, {short(record.macs)} MACs")
    return "<br>".join(filter(None, lines))


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueRange:
    """The values of one parameter, placed from 0 to 1.

    Args:
        choices: Texts in order; empty for numbers.
        numbers: The numbers that get a label, from the smallest to the largest.
        log: Whether numbers are placed by their logarithm.
        whole: Whether all numbers are whole.
        partial: Whether the parameter is inactive in some trials.
    """

    choices: tuple[str, ...] = ()
    numbers: tuple[float, ...] = ()
    log: bool = False
    whole: bool = False
    partial: bool = False

    def position(self, choice: Value | None) -> float:
        """Return the position of a value, 0 to 1; ``INACTIVE`` for None."""
        if choice is None:
            return INACTIVE
        if self.choices:
            return _share(self.choices.index(value(choice)), 0, len(self.choices) - 1)
        ends = (float(choice), self.numbers[0], self.numbers[-1])
        return _share(*map(math.log, ends)) if self.log else _share(*ends)

    def ticks(self) -> list[tuple[float, str]]:
        """Return the position and the text of each label."""
        inactive = [(INACTIVE, "inactive")] if self.partial else []
        choices = [(self.position(text), text) for text in self.choices]
        return inactive + choices + [(self.position(n), f"{n:.3g}") for n in self.numbers]

    def narrows(self, chosen: Sequence[Value]) -> bool:
        """Tell whether these values cover only a part of the range that is worth naming."""
        if self.choices:
            return len({value(choice) for choice in chosen}) < len(self.choices)
        positions = [self.position(choice) for choice in chosen]
        return max(positions) - min(positions) <= _NARROW

    def describe(self, chosen: Sequence[Value]) -> str:
        """Return values as text: ``16 to 219``, ``max or none``."""
        texts = [value(choice) for choice in chosen]
        if self.choices:
            return " or ".join(text for text in self.choices if text in texts)
        low, high = min(map(float, chosen)), max(map(float, chosen))
        return f"{low:.4g}" if low == high else f"{low:.4g} to {high:.4g}"


def value_range(values: Sequence[Value | None]) -> ValueRange:
    """Return the range of these values; None stands for an inactive parameter."""
    active = [choice for choice in values if choice is not None]
    partial = len(active) < len(values)
    if not active or not all(map(_is_number, active)):
        texts = sorted({value(choice) for choice in active})
        return ValueRange(choices=tuple(texts), partial=partial)
    numbers = sorted({float(choice) for choice in active})
    low, high = numbers[0], numbers[-1]
    log = low > 0 and math.log(high) - math.log(low) >= math.log(LOG_RATIO)
    middle = math.sqrt(low) * math.sqrt(high) if log else low / 2 + high / 2
    return ValueRange(
        numbers=tuple(numbers) if len(numbers) <= _MOST_TICKS else (low, middle, high),
        log=log,
        whole=all(number == int(number) for number in numbers),
        partial=partial,
    )


def _is_number(choice: Value) -> bool:
    finite = isinstance(choice, (int, float)) and math.isfinite(choice)
    return finite and not isinstance(choice, bool)


def _share(number: float, low: float, high: float) -> float:
    span = high / 2 - low / 2  # halves: high - low may overflow
    return 0.5 if span == 0 else (number / 2 - low / 2) / span
