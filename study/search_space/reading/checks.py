"""Checks that need the whole space: the constraints can be met, and ``enqueue`` fits the space."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from study.search_space.candidate import ImageFormat, Value, Values, values_key
from study.search_space.describe import describe_value, describe_values
from study.search_space.distinct import size_space
from study.search_space.extremes import count_range, draws, is_small, nearest_allowed
from study.search_space.parameter import FloatParameter, same_value
from study.search_space.reading.build import VALUE_FIELDS
from study.search_space.reading.models import ROW
from study.search_space.reading.parsing import parse, parse_value
from study.search_space.reading.yaml_document import KeyPath, YamlDocument, did_you_mean, quoted
from study.search_space.space import SearchSpace


def report_unsatisfiable(document: YamlDocument, space: SearchSpace, image: ImageFormat) -> None:
    """Report constraints that no candidate satisfies.

    This is exact if there are few sizes. Otherwise a search from several starts looks for a
    network inside the bounds, and the message says that it is a search.
    """
    networks = size_space(space)
    exact = is_small(networks)
    points = networks.points() if exact else draws(networks)
    if any(networks.allows(values, image) for values in points):
        return
    if not exact and nearest_allowed(networks, image).score == 0.0:
        return
    none = (
        f"none of its {networks.size():,} sizes of network"
        if exact
        else "no network that a search finds"
    )
    nearest = "; ".join(_nearest(networks, image))
    message = f"{none} satisfies the constraints: {nearest}; widen the bounds"
    document.report(("constraints",), message)


def _nearest(networks: SearchSpace, image: ImageFormat) -> Iterator[str]:
    """Yield for every bound the network nearest to it."""
    for measure, bound in networks.constraints.items():
        word = "MACs" if measure == "macs" else measure
        smallest, largest = count_range(networks, image, measure, inside=False)
        if bound.high is not None:
            yield f"the smallest has {smallest:,} {word}, allowed are at most {bound.high:,.0f}"
        if bound.low is not None:
            yield f"the largest has {largest:,} {word}, required are at least {bound.low:,.0f}"


def read_rows(document: YamlDocument, space: SearchSpace) -> dict[KeyPath, Values]:
    """Return the candidates of ``enqueue`` by their paths; problems are reported.

    The values are read only if the space itself has no problem.
    """
    rows: dict[KeyPath, Values] = {}
    first: dict[object, int] = {}
    is_sound = not document.has_problems
    listed = document.at(("enqueue",))
    for index, data in enumerate(listed if isinstance(listed, list) else []):
        path = ("enqueue", index)
        if parse(document, ROW, path) is None or not is_sound:
            continue
        values = _read_row(document, path, data, space)
        if values is None:
            continue
        earlier = first.setdefault(values_key(values), index)
        if earlier != index:
            document.report(path, f"repeats enqueue[{earlier + 1}]; remove one of them")
        rows[path] = values
    return rows


def report_rows_outside(
    document: YamlDocument, rows: Mapping[KeyPath, Values], space: SearchSpace, image: ImageFormat
) -> None:
    """Report candidates of ``enqueue`` whose network is outside the constraints."""
    for path, values in rows.items():
        if not space.allows(values, image):
            message = "its network is outside the constraints; change the row or the bounds"
            document.report(path, message)


def _read_row(
    document: YamlDocument, path: KeyPath, data: Mapping[str, Any], space: SearchSpace
) -> Values | None:
    cells = {name: _read_cell(document, (*path, name), space) for name in data}
    if None in cells.values():
        return None
    given = {name: value for name, value in cells.items() if value is not None}
    return _complete(document, path, given, space)


def _complete(
    document: YamlDocument, path: KeyPath, given: Values, space: SearchSpace
) -> Values | None:
    """Return the values in the order of the space, if they are those of all active parameters."""
    values: dict[str, Value] = {}
    complete = True
    for parameter in space.parameters:
        name = parameter.name
        active = space.is_active(parameter, values)
        if active and name in given:
            values[name] = given[name]
        elif active:
            document.report(path, f"{name!r} is missing; write a value for it")
            complete = False
        elif name in given:
            message = "is not active here, because its condition does not hold; remove it"
            document.report((*path, name), message)
            complete = False
    return values if complete else None


def _read_cell(document: YamlDocument, path: KeyPath, space: SearchSpace) -> Value | None:
    """Return a value that the space has for this name; a fixed value may be repeated."""
    name = str(path[-1])
    if name not in space.by_name and name not in space.fixed:
        guess = did_you_mean(name, space.by_name)
        document.report(path, f"{quoted(name)} is no parameter of this space{guess}")
        return None
    value = parse_value(document, VALUE_FIELDS[name], path)
    if value is None or _has(space, name, value):
        return value
    if name in space.fixed:
        legal = f"the fixed value {describe_value(space.fixed[name])}"
    else:
        legal = f"the values {describe_values(space.by_name[name])}"
    document.report(path, f"found {describe_value(value)}; in this space it has {legal}")
    return None


def _has(space: SearchSpace, name: str, value: Value) -> bool:
    """Tell whether the space has this value for a parameter or fixed field."""
    if name in space.fixed:
        return same_value(value, space.fixed[name])
    parameter = space.by_name[name]
    values = parameter.values()
    if values is None and isinstance(parameter, FloatParameter):
        return parameter.low <= float(value) <= parameter.high
    return any(same_value(value, other) for other in values or ())
