"""The space of a tabulated benchmark: networks of this project, or points under names of its own.

A table may be about anything; ``layer1`` of another project's networks is no field of a
candidate here. Every parameter must have countable values, for there is a row for each point.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from study.common.errors import SearchSpaceError
from study.search_space.candidate import (
    OCTMNIST,
    Candidate,
    Field,
    ImageFormat,
    Value,
    Values,
    ValuesKey,
    values_key,
)
from study.search_space.reading.assembly import VALUE_FIELDS
from study.search_space.reading.conditions import Scope, read_conditions
from study.search_space.reading.declarations import Declaration, read_declaration
from study.search_space.reading.document import Entry, entries_of, read_document
from study.search_space.reading.loading import space_from_text
from study.search_space.reading.problems import Problems
from study.search_space.reading.values import read_text
from study.search_space.space import AnyParameter, SearchSpace, grid_values

KEYS = ("name", "description", "parameters")
STAGES = "stages"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row(Candidate):
    """A point that is no network of this project, in a candidate's place.

    Args:
        point: What was chosen.
    """

    point: ValuesKey = ()


@dataclass(frozen=True, kw_only=True)
class OwnSpace(SearchSpace):
    """A space whose points have no meaning but their row in a table."""

    def candidate(self, values: Values) -> Row:
        """Return the point in a candidate's place."""
        return Row(point=values_key(values))


def table_space_from_text(text: str, *, source: str, image: ImageFormat = OCTMNIST) -> SearchSpace:
    """Return the space that the YAML beside a table describes.

    It is one of networks where every name in it is that of a candidate's field and every value
    one that the field may have; then it may fix fields, too. Else it is an ``OwnSpace``.

    Args:
        text: The YAML.
        source: How messages call it.
        image: Format of the images, where it is a space of networks.

    Raises:
        SearchSpaceError: Carries every problem found.
    """
    problems = Problems(source)
    document = read_document(text, problems)
    if not _names_fields(document):
        return _own_space(document, problems)
    try:
        return space_from_text(text, source=source, image=image)
    except SearchSpaceError:
        if (space := _own_space_or_none(document, source)) is None:
            raise
        return space


def _names_fields(document: Entry) -> bool:
    entries = document.value if isinstance(document.value, Mapping) else {}
    declared = entries["parameters"].value if "parameters" in entries else None
    names = declared if isinstance(declared, Mapping) else {}
    return all(name in VALUE_FIELDS or name == STAGES for name in names)


def _own_space_or_none(document: Entry, source: str) -> SearchSpace | None:
    try:
        return _own_space(document, Problems(source))
    except SearchSpaceError:
        return None


def _own_space(document: Entry, problems: Problems) -> OwnSpace:
    entries = entries_of(document, KEYS, problems)
    parameters = _parameters(entries.get("parameters"), document.line, problems)
    texts = {
        key: read_text(entries[key], problems) or ""
        for key in ("name", "description")
        if key in entries
    }
    problems.raise_any()
    return OwnSpace(
        name=texts.get("name") or Path(problems.source).stem,
        description=texts.get("description", ""),
        parameters=parameters,
    )


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
        return Field(kind=kind, default=0, help="a number", **bounds)  # type: ignore[arg-type]
    listed = declared["choices"].value if "choices" in declared else ()
    choices: tuple[Value, ...] = tuple(
        item.value
        for item in (listed if isinstance(listed, tuple) else ())
        if isinstance(item.value, bool | int | float | str)
    )
    return Field(kind="choice", default="", help="one of its choices", choices=choices)
