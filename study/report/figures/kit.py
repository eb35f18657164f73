"""Parts that all figures share: colours, axes, traces of trials, hover labels."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import plotly.graph_objects as go

from study.common.formats import headline, in_plot, measure, metric_headline, short, value
from study.report.document import Figure
from study.report.palette import PALETTE
from study.report.study_summary import StudySummary
from study.results.describe import describe_architecture, describe_state, is_large_space
from study.search_space.candidate import Value
from study.storage.records import TrialRecord

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"

INK, MUTED, LINE = PALETTE["ink"].light, PALETTE["muted"].light, PALETTE["line"].light
MARK, ACCENT, BEST = PALETTE["mark"].light, PALETTE["accent"].light, PALETTE["best"].light
DUPLICATE, PRUNED = PALETTE["duplicate"].light, PALETTE["pruned"].light
FAILED, PAPER = PALETTE["failed"].light, PALETTE["paper"].light
INVERSE, SOFT = PALETTE["inverse"].light, PALETTE["accent_soft"].light
SHADES = (*(PALETTE[f"scale_{step}"].light for step in (1, 2, 3, 4)), ACCENT)
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
    named = {"text": title, "font": {"size": 13, "color": MUTED}, "standoff": 10}
    return {
        **({"title": named} if title else {}),
        "gridcolor": LINE,
        "linecolor": LINE,
        "zeroline": False,
        "automargin": True,
        "tickfont": {"size": 12, "color": MUTED},
        **more,
    }


def metric_axis(metric: str) -> dict[str, Any]:
    """Return the layout of an axis that shows a metric."""
    return axis(in_plot(metric_headline(metric)))


def whole_axis(title: str, numbers: Iterable[float], **more: Any) -> dict[str, Any]:
    """Return the layout of an axis of whole numbers, without fractions as labels."""
    shown = list(numbers)
    few = bool(shown) and max(shown) - min(shown) <= _FEW
    return axis(title, tickformat="d", **({"dtick": 1} if few else {}), **more)


def category_axis(texts: Sequence[str], **more: Any) -> dict[str, Any]:
    """Return the layout of an axis of texts in this order."""
    names = [in_plot(text) for text in texts]
    return axis(type="category", categoryorder="array", categoryarray=names, **more)


def blank(*, x: dict[str, Any], y: dict[str, Any], height: int = 360, **more: Any) -> go.Figure:
    """Return an empty plot in the report's style.

    Args:
        x: Horizontal axis, from ``axis``.
        y: Vertical axis.
        height: In pixels; the width is the reader's.
        more: More of plotly's layout.
    """
    layout: dict[str, Any] = {
        "template": "none",
        "xaxis": x,
        "yaxis": y,
        "height": height,
        "font": {"family": FONT, "size": 13, "color": INK},
        "paper_bgcolor": PAPER,
        "plot_bgcolor": PAPER,
        "margin": {"l": 8, "r": 12, "t": 12, "b": 8},
        "hoverlabel": {"bgcolor": PAPER, "bordercolor": LINE, "font": {"color": INK}},
        "legend": {
            "orientation": "h",
            "x": 0,
            "y": 1.02,
            "yanchor": "bottom",
            "font": {"size": 12.5, "color": INK},
            "bgcolor": PAPER,
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
    **look: Any,
) -> None:
    """Add a trace with a point for each trial, if there is any.

    Args:
        plot: The plot.
        name: Name in the legend, without the count.
        points: Horizontal and vertical position of each trial.
        summary: The study, for the hover labels.
        look: More of plotly's scatter trace.
    """
    if points:
        plot.add_scatter(
            x=[x for x, _, _ in points],
            y=[y for _, y, _ in points],
            name=f"{name} ({len(points)})",
            text=[trial_hover(record, summary) for _, _, record in points],
            hovertemplate="%{text}<extra></extra>",
            **{"mode": "markers", **look},
        )


def add_lines(
    plot: go.Figure,
    name: str,
    lines: Sequence[tuple[Sequence[tuple[float, float]], TrialRecord]],
    summary: StudySummary,
    **look: Any,
) -> None:
    """Add the lines of trials as one trace with gaps, which is fast for a thousand lines.

    Args:
        plot: The plot.
        name: Name in the legend.
        lines: The points of each trial's line.
        summary: The study, for the hover labels.
        look: More of plotly's scatter trace.
    """
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
            **{"hovertemplate": "%{text}<extra></extra>", **look},
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
        choices: Texts in order, for choices; empty for numbers.
        low: Smallest number.
        high: Largest number.
        log: Whether numbers are placed by their logarithm.
        whole: Whether all numbers are whole.
        ticks: Position and text of each label.
    """

    choices: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 1.0
    log: bool = False
    whole: bool = False
    ticks: tuple[tuple[float, str], ...] = ()

    def position(self, choice: Value | None) -> float:
        """Return the position of a value, 0 to 1; ``INACTIVE`` for None."""
        if choice is None:
            return INACTIVE
        if self.choices:
            return _share(self.choices.index(value(choice)), 0, len(self.choices) - 1)
        number = float(choice)
        if self.log:
            return _share(math.log(number), math.log(self.low), math.log(self.high))
        return _share(number, self.low, self.high)

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
    numeric = all(_is_number(choice) for choice in active)
    found = _numbers([float(v) for v in active]) if numeric and active else _choices(active)
    if len(active) == len(values):
        return found
    return replace(found, ticks=((INACTIVE, "inactive"), *found.ticks))


def _is_number(choice: Value) -> bool:
    finite = isinstance(choice, (int, float)) and math.isfinite(choice)
    return finite and not isinstance(choice, bool)


def _numbers(numbers: Sequence[float]) -> ValueRange:
    low, high = min(numbers), max(numbers)
    log = low > 0 and math.log(high) - math.log(low) >= math.log(LOG_RATIO)
    middle = math.sqrt(low) * math.sqrt(high) if log else low / 2 + high / 2
    labelled = sorted(set(numbers))
    if len(labelled) > _MOST_TICKS:
        labelled = [low, middle, high]
    ends = ValueRange(low=low, high=high, log=log, whole=all(n == int(n) for n in numbers))
    return replace(ends, ticks=tuple((ends.position(n), f"{n:.3g}") for n in labelled))


def _choices(active: Sequence[Value]) -> ValueRange:
    texts = tuple(sorted(dict.fromkeys(value(choice) for choice in active)))
    last = len(texts) - 1
    ticks = tuple((_share(index, 0, last), text) for index, text in enumerate(texts))
    return ValueRange(choices=texts, ticks=ticks)


def _share(number: float, low: float, high: float) -> float:
    span = high / 2 - low / 2  # halves: high - low may overflow
    return 0.5 if span == 0 else (number / 2 - low / 2) / span
