"""The space of a tabulated benchmark: like any search space, but under names of its own.

A table may be about anything; ``layer1`` of another project's networks is no field of a
candidate here. Every parameter must have countable values, for there is a row for each point.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from study.search_space.candidate import Field, Value
from study.search_space.conditions import Scope, read_conditions
from study.search_space.declarations import Declaration, read_declaration
from study.search_space.document import Entry, entries_of, read_document
from study.search_space.problems import Problems
from study.search_space.reading import read_text
from study.search_space.space import AnyParameter, SearchSpace, grid_values

KEYS = ("name", "description", "parameters")


def table_space_from_text(text: str, *, source: str) -> SearchSpace:
    """Return the space that the YAML beside a table describes.

    Args:
        text: The YAML.
        source: How messages call it.

    Raises:
        SearchSpaceError: Carries every problem found.
    """
    problems = Problems(source)
    document = read_document(text, problems)
    entries = entries_of(document, KEYS, problems)
    parameters = _parameters(entries.get("parameters"), document.line, problems)
    name = read_text(entries["name"], problems) if "name" in entries else None
    problems.raise_any()
    return SearchSpace(name=name or Path(source).stem, parameters=parameters)


def _parameters(entry: Entry | None, line: int, problems: Problems) -> tuple[AnyParameter, ...]:
    if entry is None or not isinstance(entry.value, Mapping) or not entry.value:
        message = "write the table's parameters under 'parameters:'"
        problems.add(line if entry is None else entry.line, "parameters", message)
        return ()
    fields = {name: _field(item) for name, item in entry.value.items()}
    declarations = [
        read_declaration(name, fields[name], item, problems) for name, item in entry.value.items()
    ]
    when = read_conditions(Scope(declarations=declarations, fields=fields), problems)
    for declaration in declarations:
        _note_uncountable(declaration, problems)
    return tuple(
        dataclasses.replace(declaration.parameter, when=when[declaration.name])
        for declaration in declarations
        if declaration.parameter is not None
    )


def _note_uncountable(declaration: Declaration, problems: Problems) -> None:
    entry, parameter = declaration.entry, declaration.parameter
    if parameter is None:
        if declaration.content is not None:
            message = "a fixed value has no place in a table; leave it out"
            problems.add(entry.line, entry.key, message)
    elif grid_values(parameter) is None:
        message = "has no countable values; give it 'step', or choices"
        problems.add(entry.line, entry.key, message)


def _field(entry: Entry) -> Field:
    """Return a field that admits every value its own entry declares."""
    declared = entry.value if isinstance(entry.value, Mapping) else {}
    kind = declared["type"].value if "type" in declared else ""
    if kind in ("int", "float"):
        bounds = {"low": -1e15, "high": 1e15}
        return Field(kind=kind, default=0, meaning="a number", **bounds)  # type: ignore[arg-type]
    listed = declared["choices"].value if "choices" in declared else ()
    choices: tuple[Value, ...] = tuple(
        item.value
        for item in (listed if isinstance(listed, tuple) else ())
        if isinstance(item.value, bool | int | float | str)
    )
    return Field(kind="choice", default="", meaning="one of its choices", choices=choices)
