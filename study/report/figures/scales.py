"""Where a value lies on an axis from 0 to 1, numbers and choices alike."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from study.common.formats import value
from study.search_space.candidate import Value

INACTIVE = -0.1
"""Position of a parameter that is not active."""
_LOG_FROM = 30.0
"""A positive range this many times its lower end is drawn on a logarithmic scale."""

_NARROW = 0.75
_EVERY_MARK = 5
"""So many different numbers are all labelled; of more, the ends and the middle."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """An axis.

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
        """Return where a value lies, 0 to 1; ``INACTIVE`` for None."""
        if choice is None:
            return INACTIVE
        if self.choices:
            return _share(self.choices.index(value(choice)), 0, len(self.choices) - 1)
        number = float(choice)
        if self.log:
            return _share(math.log(number), math.log(self.low), math.log(self.high))
        return _share(number, self.low, self.high)

    def narrows(self, chosen: Sequence[Value]) -> bool:
        """Tell whether these values keep to a part of the axis worth naming."""
        if self.choices:
            return len({value(choice) for choice in chosen}) < len(self.choices)
        places = [self.position(choice) for choice in chosen]
        return max(places) - min(places) <= _NARROW

    def span(self, chosen: Sequence[Value]) -> str:
        """Return values in words: ``16 to 219``, ``max or none``."""
        texts = [value(choice) for choice in chosen]
        if self.choices:
            return " or ".join(text for text in self.choices if text in texts)
        low, high = min(map(float, chosen)), max(map(float, chosen))
        return f"{low:.4g}" if low == high else f"{low:.4g} to {high:.4g}"


def scale_of(values: Sequence[Value | None]) -> Scale:
    """Return the scale that holds all values; None is inactive."""
    there = [choice for choice in values if choice is not None]
    numeric = all(_is_number(choice) for choice in there)
    scale = _number_scale([float(v) for v in there]) if numeric and there else _choices(there)
    if len(there) == len(values):
        return scale
    inactive = (INACTIVE, "inactive")
    return replace(scale, ticks=(inactive, *scale.ticks))


def _is_number(choice: Value) -> bool:
    finite = isinstance(choice, (int, float)) and math.isfinite(choice)
    return finite and not isinstance(choice, bool)


def _number_scale(numbers: Sequence[float]) -> Scale:
    low, high = min(numbers), max(numbers)
    log = low > 0 and math.log(high) - math.log(low) >= math.log(_LOG_FROM)
    middle = math.sqrt(low) * math.sqrt(high) if log else low / 2 + high / 2
    marks = sorted(set(numbers))
    if len(marks) > _EVERY_MARK:
        marks = [low, middle, high]
    ends = Scale(low=low, high=high, log=log, whole=all(n == int(n) for n in numbers))
    return replace(ends, ticks=tuple((ends.position(mark), f"{mark:.3g}") for mark in marks))


def _choices(there: Sequence[Value]) -> Scale:
    texts = tuple(sorted(dict.fromkeys(value(choice) for choice in there)))
    last = len(texts) - 1
    return Scale(choices=texts, ticks=tuple((_share(i, 0, last), t) for i, t in enumerate(texts)))


def _share(number: float, low: float, high: float) -> float:
    if high == low:
        return 0.5
    return (number / 2 - low / 2) / (high / 2 - low / 2)  # halves: the range may overflow
