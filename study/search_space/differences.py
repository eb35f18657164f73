"""Compares two search spaces, and translates a candidate of one into a candidate of the other.

The order of the parameters counts as a difference, because samplers draw in this order. Names,
descriptions and defaults that are written out make no difference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from study.search_space.candidate import FIELDS, STAGE_FIELDS, Value, Values
from study.search_space.describe import describe_bound, describe_parameter, describe_value
from study.search_space.parameter import own_value, rounded, same_value
from study.search_space.space import Bound, SearchSpace


def default_of(name: str) -> Value | None:
    """Return a field's default value; None without a default, such as the number of stages."""
    head, _, field = name.rpartition(".")
    fields = STAGE_FIELDS if head.startswith("stage") and field in STAGE_FIELDS else FIELDS
    return fields[field].default if field in fields else None


def translate(values: Values, *, source: SearchSpace, target: SearchSpace) -> Values | None:
    """Return a candidate of ``source`` as a candidate of ``target``; None if ``target`` lacks it.

    A parameter that varies in one space must have the same value in the other space, where it may
    vary too, be fixed, or have its default. Fields that both spaces fix may differ; the caller
    decides whether the candidates must be the same.
    """
    known = {**source.fixed, **values}
    point: dict[str, Value] = {}
    for parameter in target.parameters:
        if not target.is_active(parameter, point):
            continue
        value = known.get(parameter.name, default_of(parameter.name))
        found = None if value is None else own_value(parameter, value)
        if found is None:
            return None
        point[parameter.name] = found
    reached = {**target.fixed, **point}
    for name, value in values.items():
        other = reached.get(name, default_of(name))
        if other is None or not same_value(rounded(other), rounded(value)):
            return None
    return point


def space_differences(stored: SearchSpace, requested: SearchSpace) -> list[str]:
    """Return a line for each difference: what differs, the stored and the requested form."""
    found = [
        *_declared(stored, requested),
        *_order(stored, requested),
        *_constraints(stored.constraints, requested.constraints),
        *_rows(stored.enqueue, requested.enqueue),
    ]
    return [f"space: {what}: stored {old}; asked for {new}" for what, old, new in found]


def _declared(stored: SearchSpace, requested: SearchSpace) -> Iterator[tuple[str, str, str]]:
    names = [*stored.by_name, *requested.by_name, *stored.fixed, *requested.fixed]
    for name in dict.fromkeys(names):
        if not _same(name, stored, requested):
            yield name, _declaration(name, stored), _declaration(name, requested)


def _same(name: str, stored: SearchSpace, requested: SearchSpace) -> bool:
    old, new = stored.by_name.get(name), requested.by_name.get(name)
    if old is not None or new is not None:
        return old == new
    first, second = _fixed(name, stored), _fixed(name, requested)
    return first is not None and second is not None and same_value(first, second)


def _fixed(name: str, space: SearchSpace) -> Value | None:
    return space.fixed[name] if name in space.fixed else default_of(name)


def _declaration(name: str, space: SearchSpace) -> str:
    parameter = space.by_name.get(name)
    if parameter is not None:
        return describe_parameter(parameter)
    value = _fixed(name, space)
    if value is None:
        return "nothing"
    return f"{describe_value(value)}{'' if name in space.fixed else ' (the default)'}"


def _order(stored: SearchSpace, requested: SearchSpace) -> Iterator[tuple[str, str, str]]:
    old = [name for name in stored.by_name if name in requested.by_name]
    new = [name for name in requested.by_name if name in stored.by_name]
    if old != new:
        yield "order of the parameters", ", ".join(old), ", ".join(new)


def _constraints(
    stored: Mapping[str, Bound], requested: Mapping[str, Bound]
) -> Iterator[tuple[str, str, str]]:
    for measure in dict.fromkeys([*stored, *requested]):
        old, new = (
            describe_bound(bounds.get(measure, Bound())) or "no bound"
            for bounds in (stored, requested)
        )
        if stored.get(measure, Bound()) != requested.get(measure, Bound()):
            yield f"constraints.{measure}", old, new


def _rows(
    stored: tuple[Values, ...], requested: tuple[Values, ...]
) -> Iterator[tuple[str, str, str]]:
    if len(stored) != len(requested):
        yield "enqueue", f"{len(stored)} candidates", f"{len(requested)} candidates"
        return
    for number, (old, new) in enumerate(zip(stored, requested, strict=True), 1):
        if dict(old) != dict(new):
            yield f"enqueue, candidate {number}", _row(old), _row(new)
            return


def _row(values: Values) -> str:
    return ", ".join(f"{name} {describe_value(value)}" for name, value in values.items())
