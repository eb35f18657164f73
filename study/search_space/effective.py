"""What a point of a space comes to, field by field, and the same point in another space."""

from __future__ import annotations

from study.search_space.candidate import FIELDS, STAGE_FIELDS, Value, Values
from study.search_space.parameter import AnyParameter, FloatParameter, rounded, same_value
from study.search_space.space import SearchSpace


def default_of(name: str) -> Value | None:
    """Return what a candidate has where a space does not name this field.

    None for what has no default: the number of stages.
    """
    head, _, field = name.rpartition(".")
    fields = STAGE_FIELDS if head.startswith("stage") and field in STAGE_FIELDS else FIELDS
    return fields[field].default if field in fields else None


def translate(values: Values, *, source: SearchSpace, target: SearchSpace) -> Values | None:
    """Return a point of ``source`` as a point of ``target``, or None where it is not in there.

    It is in there when each parameter that either space varies has one value in both, be it
    varied, fixed or the default. What both spaces fix may differ: the caller decides whether the
    candidates have to be the same.
    """
    known = {**source.fixed, **values}
    point: dict[str, Value] = {}
    for parameter in target.parameters:
        if not target.is_active(parameter, point):
            continue
        value = known.get(parameter.name, default_of(parameter.name))
        found = None if value is None else _own(parameter, value)
        if found is None:
            return None
        point[parameter.name] = found
    reached = {**target.fixed, **point}
    for name, value in values.items():
        other = reached.get(name, default_of(name))
        if other is None or not same_value(_round(other), _round(value)):
            return None
    return point


def _own(parameter: AnyParameter, value: Value) -> Value | None:
    """Return the parameter's own value that equals ``value``, or None."""
    values = parameter.values()
    if values is not None:
        return next((own for own in values if same_value(_round(own), _round(value))), None)
    assert isinstance(parameter, FloatParameter)
    inside = isinstance(value, int | float) and parameter.low <= value <= parameter.high
    return float(value) if inside else None


def _round(value: Value) -> Value:
    return rounded(value) if isinstance(value, float) else value
