"""Entries of a file → values of the right type; what does not fit is noted with its remedy."""

from __future__ import annotations

import math

from study.search_space.candidate import Field, Value
from study.search_space.reading.document import BROKEN, Entry
from study.search_space.reading.problems import Problems, did_you_mean, listed
from study.search_space.space import same_value

LARGEST = 1e15
"""Numbers beyond this are typing errors, and no longer whole in a float."""


def read_value(entry: Entry, field: Field, problems: Problems) -> Value | None:
    """Return the entry as a value that ``field`` may hold, or None where it cannot."""
    match field.kind:
        case "int":
            value: Value | None = read_whole(entry, problems, f"a whole number, {_ends(field)}")
        case "float":
            value = read_number(entry, problems, f"a number, {_ends(field)}")
        case "bool":
            return read_flag(entry, problems)
        case "choice":
            return _read_choice(entry, field, problems)
    if value is not None and not field.low <= float(value) <= field.high:
        message = f"found {entry.text}; write {_ends(field)} ({field.help})"
        problems.add(entry.line, entry.key, message)
        return None
    return value


def _ends(field: Field) -> str:
    return f"{number_text(field.low)} to {number_text(field.high)}"


def read_number(entry: Entry, problems: Problems, wanted: str = "a number") -> float | None:
    """Return a real number, or None and a problem."""
    value = entry.value
    if isinstance(value, int | float) and not isinstance(value, bool):
        if abs(value) <= LARGEST:
            return float(value) + 0.0  # -0.0 becomes 0.0
        problems.add(entry.line, entry.key, f"found {entry.text}; write a number below 1.0e+15")
        return None
    _note_no_number(wanted, entry, problems)
    return None


def read_whole(entry: Entry, problems: Problems, wanted: str = "a whole number") -> int | None:
    """Return a whole number, or None and a problem."""
    value = entry.value
    if isinstance(value, int) and not isinstance(value, bool):
        number = read_number(entry, problems)
        return None if number is None else value
    if isinstance(value, float):
        near = f"; write {round(value)}" if abs(value) <= LARGEST else ""
        message = f"expected a whole number, found {entry.text}{near}"
        problems.add(entry.line, entry.key, message)
        return None
    _note_no_number(wanted, entry, problems)
    return None


def read_flag(entry: Entry, problems: Problems) -> bool | None:
    """Return true or false, or None and a problem."""
    if isinstance(entry.value, bool):
        return entry.value
    if entry.value is not BROKEN:
        message = f"expected true or false, found {entry.described()}; write it without quotes"
        problems.add(entry.line, entry.key, message)
    return None


def read_text(entry: Entry, problems: Problems) -> str | None:
    """Return a text, or None and a problem."""
    if isinstance(entry.value, str) and entry.value.strip():
        return entry.value.strip()
    if entry.value is not BROKEN:
        message = f"expected a text, found {entry.described()}; write a line of text in quotes"
        problems.add(entry.line, entry.key, message)
    return None


def number_text(number: float) -> str:
    """Return a number as YAML 1.1 reads it back: ``1.0e-4``, for ``1e-4`` would be text."""
    if number == int(number) and abs(number) <= LARGEST:
        return str(int(number))
    if abs(number) >= 1e-3:
        return f"{number:.12g}"
    mantissa, _, exponent = f"{number:.11e}".partition("e")
    mantissa = mantissa.rstrip("0")
    return f"{mantissa}0e{int(exponent)}" if mantissa.endswith(".") else f"{mantissa}e{exponent}"


def _read_choice(entry: Entry, field: Field, problems: Problems) -> Value | None:
    for choice in field.choices:
        if isinstance(entry.value, bool | int | float | str) and same_value(entry.value, choice):
            return choice
    if entry.value is BROKEN:
        return None
    message = f"found {entry.described()}; write one of {listed(field.choices)}"
    if isinstance(entry.value, str) and all(isinstance(c, str) for c in field.choices):
        guess = did_you_mean(entry.value, map(str, field.choices))
        message += guess if "mean" in guess else ""
    problems.add(entry.line, entry.key, f"{message} ({field.help})")
    return None


def _note_no_number(wanted: str, entry: Entry, problems: Problems) -> None:
    """Note that no number was found; text that means one gets YAML's way to write it."""
    if entry.value is BROKEN:
        return
    message = f"expected {wanted.partition(',')[0]}, found {entry.described()}"
    number = _as_number(entry.value) if isinstance(entry.value, str) else None
    remedy = f"write {wanted}" if number is None else f"write {number_text(number)}"
    why = "" if number is None else f" (YAML 1.1 reads {entry.text} as text)"
    problems.add(entry.line, entry.key, f"{message}; {remedy}{why}")


def _as_number(text: str) -> float | None:
    if len(text) > 40:
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and abs(number) <= LARGEST else None
