"""Numbers of any size, rounded and told so that small ones do not vanish."""

from __future__ import annotations

import math
from collections.abc import Callable

Form = Callable[[float], str]
"""Returns a number as text."""

DECIMALS = 3
"""Decimals of percentage points."""
SMALLEST = 0.1
"""Where every regret is smaller, three decimals tell too little apart."""


def magnitude(size: float) -> int:
    """Return the power of ten a number begins with; 0 for 0."""
    return math.floor(math.log10(abs(size))) if size else 0


def decimals(size: float, digits: int) -> int:
    """Return the decimals that keep so many digits of a number of this size, at least as many."""
    return max(digits, digits - 1 - magnitude(size))


def rounded(number: float, digits: int) -> float:
    """Return a number with so many decimals, a small one with so many significant digits."""
    return round(number, decimals(number, digits))


def form_of(largest: float, *, in_points: bool) -> Form:
    """Return how regrets are told: percentage points with three decimals, others in four digits.

    Args:
        largest: The largest of them.
        in_points: Whether they are percentage points.
    """
    if in_points and largest >= SMALLEST:
        return lambda number: f"{number:.{DECIMALS}f}"
    return lambda number: f"{number:.4g}"


def signed(form: Form, number: float) -> str:
    """Return a difference as text, its sign always written."""
    return form(number) if number < 0 else f"+{form(abs(number))}"
