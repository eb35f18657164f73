"""The entries of a document → a search space, its rows left out."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from study.search_space.candidate import FIELDS, MAX_STAGES, STAGE_FIELDS, Field
from study.search_space.reading.conditions import EACH, Scope, read_conditions
from study.search_space.reading.constraints import read_constraints
from study.search_space.reading.declarations import Declaration, read_declaration
from study.search_space.reading.document import Entry, entries_of
from study.search_space.reading.problems import Problems
from study.search_space.reading.staging import (
    STAGE_NAMES,
    STAGES,
    note_replaced,
    read_stages,
    stage_counts,
    stage_parameters,
    stage_values,
)
from study.search_space.reading.values import read_text
from study.search_space.space import AnyParameter, Condition, SearchSpace

VALUE_FIELDS: Mapping[str, Field] = {
    **FIELDS,
    **STAGE_NAMES,
    **{
        f"stage{i}.{name}": field
        for i in range(1, MAX_STAGES + 1)
        for name, field in STAGE_FIELDS.items()
    },
}
"""What the value of every name may be that a space can have."""


def assemble(entries: Mapping[str, Entry], line: int, problems: Problems) -> SearchSpace:
    """Return the space of a document; meaningless where problems have been noted.

    Args:
        entries: The document, by its keys.
        line: Where it starts.
        problems: Where problems go.
    """
    texts = {
        key: read_text(entries[key], problems) or ""
        for key in ("name", "description")
        if key in entries
    }
    constraints = (
        read_constraints(entries["constraints"], problems) if "constraints" in entries else {}
    )
    declarations = _declarations(entries.get("parameters"), line, problems)
    conditions = read_conditions(Scope(declarations=declarations, fields=VALUE_FIELDS), problems)
    counts = stage_counts(declarations)
    fixed = {d.name: d.fixed for d in declarations if d.fixed is not None}
    return SearchSpace(
        name=texts.get("name") or Path(problems.source).stem,
        description=texts.get("description", ""),
        parameters=tuple(_expanded(declarations, conditions, counts)),
        fixed=stage_values(fixed, counts),
        constraints=constraints,
    )


def _declarations(entry: Entry | None, line: int, problems: Problems) -> tuple[Declaration, ...]:
    """Return what is declared under ``parameters``, with what stands inside ``stages``."""
    if entry is None or entry.value in (None, {}):
        message = "the space is empty; write at least one parameter under 'parameters:'"
        problems.add(line if entry is None else entry.line, "parameters", message)
        return ()
    entries = entries_of(entry, (*FIELDS, STAGES), problems)
    note_replaced(entries, problems)
    declarations: list[Declaration] = []
    for name, item in entries.items():
        if name == STAGES:
            declarations += read_stages(item, problems)
        else:
            declarations.append(read_declaration(name, FIELDS[name], item, problems))
    if not problems.found and all(d.parameter is None for d in declarations):
        message = "every parameter is fixed; give at least one a range or choices"
        problems.add(entry.line, "parameters", message)
    return tuple(declarations)


def _expanded(
    declarations: Sequence[Declaration],
    conditions: Mapping[str, tuple[Condition, ...]],
    counts: Sequence[int],
) -> Iterator[AnyParameter]:
    """Yield the parameters with their conditions, those of every stage where ``each`` stands."""
    each = [
        (declaration.parameter, conditions[declaration.name])
        for declaration in declarations
        if declaration.parameter is not None and declaration.name.startswith(EACH)
    ]
    for declaration in declarations:
        parameter = declaration.parameter
        if parameter is None:
            continue
        if not declaration.name.startswith(EACH):
            yield dataclasses.replace(parameter, when=conditions[declaration.name])
        elif parameter is each[0][0]:
            yield from stage_parameters(each, counts)
