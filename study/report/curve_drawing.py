"""A trial's learning curve as an SVG drawing, for its page in the dashboard.

Drawn here and not by plotly: a picture a trial must cost less than a millisecond.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from study.common.formats import measure, metric_headline, metric_words
from study.report.svg import drawing, text

_WIDTH, _HEIGHT = 440, 270
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 28, 46, 44
_DOTS = 40
"""Of more epochs than this only the line is drawn."""
_STEPS = (1, 2, 5, 10)
_LARGEST, _SMALLEST = 1e100, 1e-100
"""Values beyond are not drawn, and nearer to 0 are 0: no arithmetic overflows in between."""
_SAME = 1e-9
"""Values closer than this share of them are drawn as one."""
_LABELS_X = 10
"""Epochs that are labelled at most."""

_RULES = (
    (".grid", "stroke", "line"),
    (".curve", "stroke", "best"),
    (".dot", "fill", "best"),
    (".small", "fill", "muted"),
)
_FIXED = (
    ".title{font-size:15px;font-weight:600}.small{font-size:12px}.right{text-anchor:end}"
    ".middle{text-anchor:middle}.last{font-size:13px;font-weight:600;text-anchor:end}"
    ".curve{fill:none;stroke-width:2.5;stroke-linejoin:round}"
)


def curve_svg(values: Mapping[int, float], metric: str, *, trial: int) -> str:
    """Return the drawing of a measure after each epoch; empty without a finite value.

    Args:
        values: The measure by epoch.
        metric: Which measure, with its split.
        trial: The trial's number.
    """
    points = [(epoch, v) for epoch, v in sorted(values.items()) if abs(v) < _LARGEST]
    if not points:
        return ""
    numbers = [value for _, value in points]
    steps = _nice_steps(min(numbers), max(numbers))
    placed = [(_x(epoch, points), _y(value, steps)) for epoch, value in points]
    title = f"Trial {trial}: {metric_words(metric)}"
    return drawing(
        _axes(points, steps)
        + text(_LEFT, 26, title, "title ink")
        + _curve(placed)
        + _last(placed[-1], measure(metric, numbers[-1])),
        size=(_WIDTH, _HEIGHT),
        title=title,
        description=f"{metric_headline(metric)} after each epoch: "
        + ", ".join(f"{epoch}: {measure(metric, value)}" for epoch, value in points),
        rules=_RULES,
        fixed=_FIXED,
    )


def _nice_steps(low: float, high: float) -> list[float]:
    """Return three to seven round numbers that span a range."""
    size = max(abs(low), abs(high))
    span = high - low if high - low > _SAME * size else size
    raw = (span if span > _SMALLEST else 1.0) / 4
    scale = 10.0 ** math.floor(math.log10(raw))
    step = next(s for s in _STEPS if s * scale >= raw) * scale
    first, last = math.floor(low / step), math.ceil(high / step)
    if first == last:
        first, last = first - 1, last + 1
    return [step * index for index in range(first, last + 1)]


def _x(epoch: int, points: list[tuple[int, float]]) -> float:
    first, last = points[0][0], points[-1][0]
    share = 0.5 if first == last else (epoch - first) / (last - first)
    return _LEFT + 12 + share * (_WIDTH - _LEFT - _RIGHT - 24)


def _y(value: float, steps: list[float]) -> float:
    share = (value - steps[0]) / (steps[-1] - steps[0])
    return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)


def _axes(points: list[tuple[int, float]], steps: list[float]) -> str:
    digits = max(0, -math.floor(math.log10(steps[1] - steps[0]) + 1e-9))
    parts = []
    for step in steps:
        y = _y(step, steps)
        parts.append(
            f'<line class="grid" x1="{_LEFT}" y1="{y:.1f}" x2="{_WIDTH - _RIGHT}" y2="{y:.1f}"/>'
        )
        label = f"{step:,.{digits}f}" if digits < 8 else f"{step:.3g}"
        parts.append(text(_LEFT - 8, y + 4, label, "small right"))
    every = _label_every(points[-1][0] - points[0][0] + 1)
    for epoch in (epoch for epoch, _ in points if epoch % every == 0):
        parts.append(text(_x(epoch, points), _HEIGHT - _BOTTOM + 18, f"{epoch}", "small middle"))
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    parts.append(text(middle, _HEIGHT - 10, "Epoch", "small middle"))
    return "".join(parts)


def _label_every(epochs: int) -> int:
    """Return the smallest round step that labels few enough epochs to be read."""
    decade = 1
    while True:
        for step in _STEPS[:3]:
            if epochs <= _LABELS_X * step * decade:
                return step * decade
        decade *= 10


def _curve(placed: list[tuple[float, float]]) -> str:
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in placed)
    dots = placed if len(placed) <= _DOTS else placed[-1:]
    circles = "".join(f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="4"/>' for x, y in dots)
    return f'<polyline class="curve" points="{line}"/>{circles}'


def _last(place: tuple[float, float], label: str) -> str:
    x, y = place
    return text(min(x + 14, _WIDTH - 12), y - 10, label, "last ink")
