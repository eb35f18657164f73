"""Curves with their bands as an SVG file: the same curves, the same bytes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from study.benchmarking.summary import Comparison
from study.common.numbers import SMALLEST
from study.report.svg import Rule, drawing, text
from study.statistics.ranks import Band

_WIDTH, _HEIGHT = 860.0, 460.0
_LEFT, _TOP, _RIGHT, _BOTTOM = 70.0, 56.0, 190.0, 54.0
_LABEL = 16.0
"""Least distance between two names at the right edge."""
_FLOOR = 0.01
"""Smallest percentage points that are told apart."""
_SHOWN = 1e-3
"""Smallest part of the largest regret that is told apart in another unit, or where all are small.
"""

_HUES = ("accent", "best", "pruned", "duplicate", "failed", "ink", "scale_3", "mark")
_DASHES = ("", "7 3", "2 3", "9 3 2 3")
_FIXED = (
    ".name{font-size:13px}.tick{font-size:12px}.head{font-size:16px;font-weight:600}"
    ".end{text-anchor:end}.middle{text-anchor:middle}"
    ".curve{fill:none;stroke-width:2}.band{opacity:.13;stroke:none}.grid{stroke-width:1}"
)
_RULES: tuple[Rule, ...] = (
    (".grid", "stroke", "line"),
    (".tick", "fill", "muted"),
    (".name", "fill", "ink"),
    (".head", "fill", "ink"),
    *((f".c{i}", "stroke", hue) for i, hue in enumerate(_HUES)),
    *((f".b{i}", "fill", hue) for i, hue in enumerate(_HUES)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """A vertical axis.

    Args:
        low: At the bottom.
        high: At the top.
        log: Whether it is logarithmic.
        ticks: Numbers that are labelled.
    """

    low: float
    high: float
    log: bool
    ticks: tuple[float, ...]

    def place(self, value: float) -> float:
        """Return the height of a value on the page; what lies outside is put on the edge."""
        inside = min(max(value, self.low), self.high)
        change: Callable[[float], float] = math.log if self.log else float
        share = (change(inside) - change(self.low)) / (change(self.high) - change(self.low))
        return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)


def regret_svg(comparison: Comparison) -> str:
    """Return mean regret over trials of every sampler, its axis logarithmic."""
    curves = [(result.sampler, result.curve) for result in comparison.results]
    unit = "points" if comparison.in_points else "the table's unit"
    return curves_svg(
        curves,
        scale=_log_scale(curves, floor=_floor(comparison)),
        title=f"Mean regret in {unit}: {comparison.table}, {len(comparison.seeds)} seeds",
        description="; ".join(
            f"{name}: {comparison.form(curve.mean[-1])} after {comparison.trials} trials"
            for name, curve in curves
        ),
    )


def curves_svg(
    curves: Sequence[tuple[str, Band]], *, scale: Scale, title: str, description: str
) -> str:
    """Return named curves over trials, with their bands.

    Args:
        curves: Names and curves, of one length each.
        scale: The vertical axis.
        title: Heading.
        description: What the figure shows, in words.
    """
    trials = max(len(curve.mean) for _, curve in curves)
    body = [text(_LEFT, 30, title, "head"), *_grid(scale, trials)]
    heights = _spread([scale.place(float(curve.mean[-1])) for _, curve in curves])
    for index, (name, curve) in enumerate(curves):
        body += _curve(index, curve, scale, trials)
        body += _name(index, name, heights[index])
    return drawing(
        "".join(body),
        size=(_WIDTH, _HEIGHT),
        title=title,
        description=description,
        rules=_RULES,
        fixed=_FIXED,
    )


def _floor(comparison: Comparison) -> float:
    largest = comparison.largest
    in_points = comparison.in_points and largest >= SMALLEST
    return _FLOOR if in_points or not largest else largest * _SHOWN


def _log_scale(curves: Sequence[tuple[str, Band]], *, floor: float) -> Scale:
    low = max(min(float(curve.low.min()) for _, curve in curves), floor)
    high = max(max(float(curve.high.max()) for _, curve in curves), low * 10)
    ticks = [
        float(f"{digit}e{power}")
        for power in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        for digit in (1, 2, 5)
    ]
    return Scale(low=low, high=high, log=True, ticks=tuple(t for t in ticks if low <= t <= high))


def linear_scale(curves: Sequence[tuple[str, Band]]) -> Scale:
    """Return an axis that holds all curves, with round numbers on it."""
    low = min(float(curve.low.min()) for _, curve in curves)
    high = max(float(curve.high.max()) for _, curve in curves)
    if high <= low:
        low, high = low - 0.5, high + 0.5
    raw = (high - low) / 5
    step = 10.0 ** math.floor(math.log10(raw))
    step *= next(factor for factor in (1, 2, 5, 10) if factor * step >= raw)
    first = math.ceil(low / step)
    ticks = tuple(round(n * step, 9) for n in range(first, math.floor(high / step) + 1))
    return Scale(low=low, high=high, log=False, ticks=ticks)


def _across(trial: float, trials: int) -> float:
    return _LEFT + (trial - 1) / max(trials - 1, 1) * (_WIDTH - _LEFT - _RIGHT)


def _grid(scale: Scale, trials: int) -> list[str]:
    right, bottom = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM
    parts = []
    for tick in scale.ticks:
        y = scale.place(tick)
        parts.append(f'<path class="grid" d="M{_LEFT:g} {y:.1f}H{right:g}"/>')
        parts.append(text(_LEFT - 8, round(y + 4, 1), f"{tick:g}", "tick end"))
    for trial in sorted({1, *(round(trials * quarter / 4) for quarter in (1, 2, 3, 4))} - {0}):
        x = round(_across(trial, trials), 1)
        parts.append(text(x, bottom + 20, str(trial), "tick middle"))
    parts.append(text((_LEFT + right) / 2, bottom + 42, "Trials", "tick middle"))
    return parts


def _curve(index: int, curve: Band, scale: Scale, trials: int) -> list[str]:
    hue, dash = index % len(_HUES), _DASHES[index // len(_HUES) % len(_DASHES)]
    drawn = f' stroke-dasharray="{dash}"' if dash else ""
    up = _points(curve.high, scale, trials)
    down = _points(curve.low, scale, trials)
    return [
        f'<path class="band b{hue}" d="M{"L".join([*up, *reversed(down)])}Z"/>',
        f'<path class="curve c{hue}"{drawn} d="M{"L".join(_points(curve.mean, scale, trials))}"/>',
    ]


def _points(values: Iterable[float], scale: Scale, trials: int) -> list[str]:
    return [
        f"{_across(trial, trials):.1f} {scale.place(float(value)):.1f}"
        for trial, value in enumerate(values, start=1)
    ]


def _spread(heights: Sequence[float]) -> list[float]:
    """Return the heights of the names, moved down where two would stand on one another."""
    placed = list(heights)
    below = -math.inf
    for index in sorted(range(len(placed)), key=lambda i: placed[i]):
        below = placed[index] = max(placed[index], below + _LABEL)
    excess = max(0.0, below - (_HEIGHT - 12))
    return [height - excess for height in placed]


def _name(index: int, name: str, height: float) -> list[str]:
    x, hue = _WIDTH - _RIGHT + 10, index % len(_HUES)
    dash = _DASHES[index // len(_HUES) % len(_DASHES)]
    drawn = f' stroke-dasharray="{dash}"' if dash else ""
    return [
        f'<path class="curve c{hue}"{drawn} d="M{x:g} {height:.1f}h18"/>',
        text(x + 24, round(height + 4, 1), name, "name"),
    ]
