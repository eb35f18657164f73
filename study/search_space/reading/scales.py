"""``log`` and ``step`` of a range: both ends must be values, and the values must be few enough."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from study.search_space.reading.document import Entry
from study.search_space.reading.problems import Problems
from study.search_space.reading.values import number_text

MOST_VALUES = 10_000
"""A stepped range of more values is a typing error, and would be slow to enumerate."""


def scale_is_sound(
    low: float, high: float, step: float | None, entries: Mapping[str, Entry], problems: Problems
) -> bool:
    """Tell whether log and step fit the ends of a range; what does not is noted."""
    message = _scale_fault(low, high, step, entries)
    if message is None:
        return True
    key, text = message
    problems.add(entries[key].line, entries[key].key, text)
    return False


def _scale_fault(
    low: float, high: float, step: float | None, entries: Mapping[str, Entry]
) -> tuple[str, str] | None:
    if "log" in entries and entries["log"].value is True:
        if "step" in entries:
            return "step", "found together with log: true; remove one, they contradict each other"
        if low <= 0:
            found = f"log: true needs low above 0, found {entries['low'].text}"
            return "low", f"{found}; write a small positive number, or log: false"
    if step is None or "step" not in entries:
        return None
    if step <= 0:
        return "step", f"found {entries['step'].text}; write a number above 0"
    return _step_fault(Decimal(repr(low)), Decimal(repr(high)), Decimal(repr(step)))


def _step_fault(low: Decimal, high: Decimal, step: Decimal) -> tuple[str, str] | None:
    """Say what is wrong where the steps miss ``high``: silently losing an end is a trap."""
    if (high - low) / step >= MOST_VALUES:
        return "step", f"gives more than {MOST_VALUES:,} values; write a larger step"
    if (high - low) % step == 0:
        return None
    below = high - (high - low) % step
    values = [float(low + i * step) for i in range(int((below - low) / step) + 1)]
    texts = [number_text(value) for value in values]
    shown = ", ".join(texts if len(texts) <= 6 else [*texts[:3], "…", texts[-1]])
    last, following = number_text(values[-1]), number_text(float(below + step))
    return "step", (
        f"from {number_text(values[0])} it does not reach high {number_text(float(high))}: the "
        f"values are {shown}; write high: {last} or high: {following}"
    )
