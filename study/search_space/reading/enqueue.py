"""``enqueue:`` → the candidates to try first, each complete and allowed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from study.search_space.candidate import Field, ImageFormat, Value, Values
from study.search_space.reading.document import BROKEN, Entry
from study.search_space.reading.problems import Problems, did_you_mean, listed, quoted
from study.search_space.reading.values import number_text, read_value
from study.search_space.space import AnyParameter, FloatParameter, SearchSpace, same_value


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A candidate to try first, and where it stands."""

    values: Values
    entry: Entry


def row_entries(entry: Entry, problems: Problems) -> tuple[Entry, ...]:
    """Return the rows of ``enqueue``, unread; what is no mapping is noted."""
    if entry.value is BROKEN:
        return ()
    if not isinstance(entry.value, tuple):
        message = f"expected a list of candidates, found {entry.described()}; start lines with '-'"
        problems.add(entry.line, entry.key, message)
        return ()
    for item in entry.value:
        if not isinstance(item.value, Mapping) and item.value is not BROKEN:
            message = f"expected {{name: value, …}}, found {item.described()}; write a mapping"
            problems.add(item.line, item.key, message)
    return entry.value


def read_rows(
    entries: Sequence[Entry], space: SearchSpace, fields: Mapping[str, Field], problems: Problems
) -> tuple[Row, ...]:
    """Return the rows; what does not fit the space is noted.

    Args:
        entries: The rows, each a mapping.
        space: The space, whose parameters the rows name.
        fields: What the value of each parameter and fixed name may be.
        problems: Where problems go.
    """
    rows: dict[tuple[tuple[str, Value], ...], Row] = {}
    for item in entries:
        values = _read_row(item, space, fields, problems)
        if values is None:
            continue
        row = Row(values=values, entry=item)
        duplicate = rows.setdefault(tuple(values.items()), row)
        if duplicate is not row:
            problems.add(item.line, item.key, f"repeats {duplicate.entry.key}; remove one of them")
    return tuple(rows.values())


def note_disallowed(
    rows: Sequence[Row], space: SearchSpace, image: ImageFormat, problems: Problems
) -> None:
    """Note rows whose network does not satisfy the constraints."""
    for row in rows:
        if not space.allows(row.values, image):
            message = "its network lies outside the constraints; change the row or the bounds"
            problems.add(row.entry.line, row.entry.key, message)


def _read_row(
    entry: Entry, space: SearchSpace, fields: Mapping[str, Field], problems: Problems
) -> Values | None:
    if not isinstance(entry.value, Mapping):
        return None
    given = {
        name: _read_cell(name, item, space, fields, problems) for name, item in entry.value.items()
    }
    if None in given.values():
        return None
    row = {name: value for name, value in given.items() if value is not None}
    return _complete(row, entry, entry.value, space, problems)


def _complete(
    given: Values,
    row: Entry,
    cells: Mapping[str, Entry],
    space: SearchSpace,
    problems: Problems,
) -> Values | None:
    """Return the values in the space's order, if they are those of the active parameters."""
    values: dict[str, Value] = {}
    complete = True
    for parameter in space.parameters:
        name = parameter.name
        if space.is_active(parameter, values):
            if name in given:
                values[name] = given[name]
                continue
            problems.add(row.line, row.key, f"{name!r} is missing; write a value for it")
            complete = False
        elif name in given:
            message = "is not active here, because its condition does not hold; remove it"
            problems.add(cells[name].line, cells[name].key, message)
            complete = False
    return values if complete else None


def _read_cell(
    name: str,
    entry: Entry,
    space: SearchSpace,
    fields: Mapping[str, Field],
    problems: Problems,
) -> Value | None:
    """Return a value that the space has under this name; a fixed value may be repeated."""
    if name not in space.by_name and name not in space.fixed:
        guess = did_you_mean(name, space.by_name)
        message = f"{quoted(name)} is no parameter of this space{guess}"
        problems.add(entry.line, entry.key, message)
        return None
    value = read_value(entry, fields[name], problems)
    if value is None:
        return None
    legal = _values_outside(space, name, value)
    if legal is None:
        return value
    problems.add(entry.line, entry.key, f"found {entry.text}; in this space it has {legal}")
    return None


def _values_outside(space: SearchSpace, name: str, value: Value) -> str | None:
    """Return None where the space has the value, else the values it has, in words."""
    if name in space.fixed:
        fixed = space.fixed[name]
        return None if same_value(value, fixed) else f"the fixed value {fixed!r}"
    parameter: AnyParameter = space.by_name[name]
    values = parameter.values()
    if values is None and isinstance(parameter, FloatParameter):
        inside = parameter.low <= float(value) <= parameter.high
        ends = f"{number_text(parameter.low)} to {number_text(parameter.high)}"
        return None if inside else f"values from {ends}"
    known = values or ()
    return None if any(same_value(value, v) for v in known) else f"the values {listed(known)}"
