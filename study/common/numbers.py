"""Round and format numbers so that small ones do not become zero."""

from __future__ import annotations

import math
from collections.abc import Callable

Form = Callable[[float], str]
"""Returns a number as text."""

DECIMALS = 3
"""Decimals of percentage points."""
SMALLEST = 0.1
"""Regrets below this limit need more than three decimals."""


def magnitude(size: float) -> int:
    """Return the power of ten of the first digit of a number; 0 for 0."""
    return math.floor(math.log10(abs(size))) if size else 0


def decimals(size: float, digits: int) -> int:
    """Return the number of decimals that shows this many digits of a number of this size."""
    return max(digits, digits - 1 - magnitude(size))


def rounded(number: float, digits: int) -> float:
    """Return a number rounded to this many decimals, or to significant digits if it is small."""
    return round(number, decimals(number, digits))


def form_of(largest: float, *, in_points: bool) -> Form:
    """Return the format of regrets: points with three decimals, others with four digits.

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
