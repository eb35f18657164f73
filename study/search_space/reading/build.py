"""Builds a search space from the data of a file: parameters, stages, constraints and rows."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from study.search_space.candidate import (
    FIELDS,
    LENGTHS,
    MAX_STAGES,
    STAGE_FIELDS,
    CandidateField,
    Value,
    Values,
    values_key,
)
from study.search_space.describe import describe_value, describe_values
from study.search_space.parameter import AnyParameter, Condition, own_value, same_value
from study.search_space.reading.conditions import (
    EACH,
    Conditions,
    Declaration,
    read_conditions,
)
from study.search_space.reading.models import (
    COUNT,
    DECLARATION,
    BoundModel,
    SpaceFile,
    StagesModel,
)
from study.search_space.reading.parsing import parse, parse_value
from study.search_space.reading.yaml_document import KeyPath, YamlDocument, did_you_mean, quoted
from study.search_space.space import STAGE_COUNT, Bound, SearchSpace

STAGES = "stages"
MEASURES = ("parameters", "macs")
REPLACED = ("conv_layers", "channels", "kernel", "pool")
"""Fields of the plain CNN that have no effect if there are stages."""

COUNT_FIELD = CandidateField(
    kind="int", default=1, low=1, high=MAX_STAGES, help="number of stages"
)
VALUE_FIELDS: Mapping[str, CandidateField] = {
    **FIELDS,
    STAGE_COUNT: COUNT_FIELD,
    **{EACH + name: field for name, field in STAGE_FIELDS.items()},
    **{
        f"stage{i}.{name}": field
        for i in range(1, MAX_STAGES + 1)
        for name, field in STAGE_FIELDS.items()
    },
}
"""The field of every name that a space can have."""


def build_space(document: YamlDocument) -> SearchSpace:
    """Return the space of a document, without ``enqueue``; not usable if there are problems."""
    form = parse(document, SpaceFile, ())
    parameters, fixed = read_parameters(document, FIELDS, staged=True)
    return SearchSpace(
        name=(form.name if form else "") or Path(document.source).stem,
        description=form.description if form else "",
        parameters=parameters,
        fixed=fixed,
        constraints=dict(_bounds(document)),
    )


def read_parameters(
    document: YamlDocument, fields: Mapping[str, CandidateField], *, staged: bool
) -> tuple[tuple[AnyParameter, ...], dict[str, Value]]:
    """Return the parameters and the fixed values of a document; problems are reported.

    ``fields`` has the names allowed under ``parameters``. If ``staged``, so is ``stages``.
    """
    declarations = list(_declarations(document, fields, staged=staged))
    if not document.has_problems and all(d.parameter is None for d in declarations):
        message = "every parameter is fixed; give at least one a range or choices"
        document.report(("parameters",), message)
    by_name = {declaration.name: declaration for declaration in declarations}
    conditions = read_conditions(document, by_name, {**VALUE_FIELDS, **fields})
    counts = _stage_counts(declarations)
    fixed = {d.name: d.fixed for d in declarations if d.fixed is not None}
    return tuple(_expanded(declarations, conditions, counts)), _expanded_values(fixed, counts)


def _declarations(
    document: YamlDocument, fields: Mapping[str, CandidateField], *, staged: bool
) -> Iterator[Declaration]:
    """Yield what ``parameters`` declares, with the content of ``stages`` in its position."""
    known = (*fields, STAGES) if staged else tuple(fields)
    for name in _names(document, ("parameters",), known):
        path = ("parameters", name)
        if staged and name in LENGTHS and (others := _named_lengths(document) - {name}):
            document.report(path, f"is given besides {min(others)}; keep one of the two")
        if staged and name == STAGES:
            yield from _stage_declarations(document, path)
        else:
            yield _declaration(document, name, fields[name], path)


def _named_lengths(document: YamlDocument) -> set[str]:
    return {name for name in LENGTHS if document.at(("parameters", name)) is not None}


def _names(document: YamlDocument, path: KeyPath, known: Sequence[str]) -> list[str]:
    """Return the known keys of the mapping at ``path``; unknown ones are reported."""
    entries = document.at(path)
    if not isinstance(entries, dict):
        return []
    for name in entries:
        if name not in known:
            document.report_unknown_key((*path, name), known)
    return [name for name in entries if name in known]


def _declaration(
    document: YamlDocument, name: str, field: CandidateField, path: KeyPath
) -> Declaration:
    data = document.at(path)
    if isinstance(data, list):
        message = "found a list; write {type: categorical, choices: [...]} around it"
        document.report(path, message)
        return Declaration(name=name, path=path)
    if not isinstance(data, dict):
        return Declaration(name=name, path=path, fixed=parse_value(document, field, path))
    model = parse(document, DECLARATION, path, field=field)
    when = data.get("when")
    return Declaration(
        name=name,
        path=path,
        parameter=None if model is None else model.parameter(name),
        when=when if isinstance(when, dict) else {},
    )


def _stage_declarations(document: YamlDocument, path: KeyPath) -> Iterator[Declaration]:
    """Yield ``stages.count`` and what ``each`` declares, named ``stage*.field``."""
    parse(document, StagesModel, path)
    data = document.at(path)
    if data is not None:
        _report_replaced(document)
    if isinstance(data, dict) and "count" in data:
        yield _declaration(document, STAGE_COUNT, COUNT_FIELD, (*path, "count"))
    for name in _names(document, (*path, "each"), tuple(STAGE_FIELDS)):
        yield _declaration(document, EACH + name, STAGE_FIELDS[name], (*path, "each", name))


def _report_replaced(document: YamlDocument) -> None:
    for name in REPLACED:
        if name in document.at(("parameters",)):
            remedy = "move it into each" if name in STAGE_FIELDS else "write stages.count instead"
            message = f"has no effect beside 'stages', which describes every block; {remedy}"
            document.report(("parameters", name), message)


def _stage_counts(declarations: Sequence[Declaration]) -> tuple[int, ...]:
    """Return the possible numbers of stages, ascending; empty without stages."""
    counted = (d.values() or () for d in declarations if d.name == STAGE_COUNT)
    return tuple(sorted(value for value in next(counted, ()) if isinstance(value, int)))


def _expanded(
    declarations: Sequence[Declaration], conditions: Conditions, counts: Sequence[int]
) -> Iterator[AnyParameter]:
    """Yield the parameters with their conditions; those of ``each`` once for every stage."""
    varying = [(d.parameter, conditions[d.name]) for d in declarations if d.parameter is not None]
    each = [pair for pair in varying if pair[0].name.startswith(EACH)]
    for parameter, when in varying:
        if not parameter.name.startswith(EACH):
            yield dataclasses.replace(parameter, when=when)
        elif parameter is each[0][0]:
            for i in range(1, max(counts, default=0) + 1):
                yield from _stage_parameters(each, i, counts)


def _stage_parameters(
    each: Sequence[tuple[AnyParameter, tuple[Condition, ...]]], i: int, counts: Sequence[int]
) -> Iterator[AnyParameter]:
    """Yield the parameters of stage ``i``; they are active if there are at least ``i`` stages."""
    enough = tuple(count for count in counts if count >= i)
    exists = [Condition(parameter=STAGE_COUNT, values=enough)] if len(enough) < len(counts) else []
    for parameter, own in each:
        when = list(exists)
        for condition in own:
            other = condition.parameter.replace(EACH, f"stage{i}.")
            when.append(dataclasses.replace(condition, parameter=other))
        if any(c.parameter == STAGE_COUNT and not set(c.values) & set(enough) for c in when):
            continue  # its own condition on the count excludes this stage
        name = parameter.name.replace(EACH, f"stage{i}.")
        yield dataclasses.replace(parameter, name=name, when=tuple(when))


def _expanded_values(fixed: Mapping[str, Value], counts: Sequence[int]) -> dict[str, Value]:
    """Return the fixed values, with those of ``each`` once for every stage."""
    stages = range(1, max(counts, default=0) + 1)
    return {
        name.replace(EACH, f"stage{i}."): value
        for name, value in fixed.items()
        for i in (stages if name.startswith(EACH) else (0,))
    }


def _bounds(document: YamlDocument) -> Iterator[tuple[str, Bound]]:
    """Yield the bound of each measure; a plain number is the largest allowed."""
    for measure in _names(document, ("constraints",), MEASURES):
        path = ("constraints", measure)
        if isinstance(document.at(path), dict):
            model = parse(document, BoundModel, path)
            bound = None if model is None else Bound(**model.arguments())
        else:
            high = parse(document, COUNT, path)
            bound = None if high is None else Bound(high=high)
        if bound is not None:
            yield measure, bound


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
        if parse(document, dict[str, Any], path) is None or not is_sound:
            continue
        cells = {name: _read_cell(document, (*path, name), space) for name in data}
        given = {name: value for name, value in cells.items() if value is not None}
        values = _complete(document, path, given, space) if len(given) == len(cells) else None
        if values is None:
            continue
        earlier = first.setdefault(values_key(values), index)
        if earlier != index:
            document.report(path, f"repeats enqueue[{earlier + 1}]; remove one of them")
        rows[path] = values
    return rows


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
    """Return a value that the space has for this name; a row may repeat a fixed value."""
    name = str(path[-1])
    if name not in space.by_name and name not in space.fixed:
        guess = did_you_mean(name, space.by_name)
        document.report(path, f"{quoted(name)} is no parameter of this space{guess}")
        return None
    value = parse_value(document, VALUE_FIELDS[name], path)
    if value is None:
        return None
    if name in space.fixed:
        legal = f"the fixed value {describe_value(space.fixed[name])}"
        found = value if same_value(value, space.fixed[name]) else None
    else:
        legal = f"the values {describe_values(space.by_name[name])}"
        found = own_value(space.by_name[name], value)
    if found is None:
        document.report(path, f"found {describe_value(value)}; in this space it has {legal}")
    return found
