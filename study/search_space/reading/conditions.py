"""Reads ``when``: a condition may name only earlier parameters, and values that they can have."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from study.search_space.candidate import CandidateField, Value
from study.search_space.describe import describe_value
from study.search_space.parameter import AnyParameter, Condition, same_value
from study.search_space.reading.parsing import parse_value
from study.search_space.reading.yaml_document import (
    KeyPath,
    YamlDocument,
    did_you_mean,
    listed,
    quoted,
)

EACH = "stage*."
"""Prefix of the parameters inside ``each``."""

Conditions = Mapping[str, tuple[Condition, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """A parameter without its conditions or a fixed value; both are None if there is a problem.

    The name is ``stage*.field`` inside ``each``. ``when`` is plain data.
    """

    name: str
    path: KeyPath
    parameter: AnyParameter | None = None
    fixed: Value | None = None
    when: Mapping[str, Any] = field(default_factory=dict)

    def values(self) -> Sequence[Value] | None:
        """Return every possible value: empty for a problem, None if they are not countable."""
        if self.parameter is not None:
            return self.parameter.values()
        return () if self.fixed is None else (self.fixed,)


Declarations = Mapping[str, Declaration]
"""The declarations by name, in the order of the file."""


def read_conditions(
    document: YamlDocument, declarations: Declarations, fields: Mapping[str, CandidateField]
) -> Conditions:
    """Return the conditions of every declaration by its name; problems are reported.

    ``fields`` has the field that limits the values of a name.
    """
    references = {
        name: dict(_references(document, declaration, declarations))
        for name, declaration in declarations.items()
    }
    circular = _report_cycles(document, references)
    conditions: dict[str, tuple[Condition, ...]] = {}
    for name in declarations:
        read = []
        for other, path in references[name].items():
            if (name, other) in circular:
                continue
            target = declarations[other]
            if target.parameter is not None and other not in conditions:  # not read yet
                word = other.removeprefix(EACH)
                document.report(path, f"{word} is declared later; move it above this parameter")
                continue
            read.append(_condition(document, target, path, fields[other]))
        conditions[name] = tuple(c for c in read if c is not None)
    _report_contradictions(document, declarations, conditions)
    return conditions


def _references(
    document: YamlDocument, declaration: Declaration, declarations: Declarations
) -> Iterator[tuple[str, KeyPath]]:
    """Yield each parameter that a ``when`` names, with the path of its values.

    A parameter of the same stage has precedence over one of the same name outside the stages.
    """
    known = {name: name for name in declarations if not name.startswith(EACH)}
    if declaration.name.startswith(EACH):
        each = (name for name in declarations if name.startswith(EACH))
        known |= {name.removeprefix(EACH): name for name in each}
    for word in declaration.when:
        path = (*declaration.path, "when", word)
        if known.get(word) == declaration.name:
            message = "the condition names its own parameter; name an earlier parameter"
            document.report(path, message)
        elif word not in known:
            guess = did_you_mean(word, (w for w, n in known.items() if n != declaration.name))
            document.report(path, f"{quoted(word)} is no parameter of this space{guess}")
        else:
            yield known[word], path


def _report_cycles(
    document: YamlDocument, references: Mapping[str, Mapping[str, KeyPath]]
) -> set[tuple[str, str]]:
    """Report each cycle once and return the references that form it."""
    circular: set[tuple[str, str]] = set()
    for start in references:
        path = _path_back(start, references)
        links = set(itertools.pairwise(path))
        if links and not links & circular:
            shown = " → ".join(name.removeprefix(EACH) for name in path)
            message = f"the conditions form a cycle, {shown}; remove one of them"
            document.report(references[start][path[1]], message)
        circular |= links
    return circular


def _path_back(start: str, references: Mapping[str, Mapping[str, KeyPath]]) -> list[str]:
    """Return the shortest path of references from ``start`` to itself; empty if there is none."""
    paths, seen = [[start]], {start}
    for path in paths:  # grows during the loop: breadth first
        for name in references[path[-1]]:
            if name == start:
                return [*path, name]
            if name not in seen:
                seen.add(name)
                paths.append([*path, name])
    return []


def _condition(
    document: YamlDocument, target: Declaration, path: KeyPath, field: CandidateField
) -> Condition | None:
    allowed = document.at(path)
    if allowed == []:
        document.report(path, "found an empty list; write the values it may have")
        return None
    items = [(*path, i) for i in range(len(allowed))] if isinstance(allowed, list) else [path]
    values: list[Value] = []
    for item in items:
        value = parse_value(document, field, item)
        if value is None or not _is_possible(document, value, item, target):
            continue
        if any(same_value(value, other) for other in values):
            document.report(item, f"{describe_value(value)} occurs twice; remove one")
            continue
        values.append(value)
    return Condition(parameter=target.name, values=tuple(values)) if values else None


def _is_possible(document: YamlDocument, value: Value, path: KeyPath, target: Declaration) -> bool:
    possible = target.values()
    if possible == ():
        return False  # its own problem is reported
    if possible is None:
        message = "a real number without step has no single values to compare with; give it a step"
        document.report(path, message)
        return False
    if any(same_value(value, other) for other in possible):
        return True
    message = f"it is never {describe_value(value)}, so this never holds"
    document.report(path, f"{message}; its values: {listed(possible)}")
    return False


def _report_contradictions(
    document: YamlDocument, declarations: Declarations, conditions: Conditions
) -> None:
    """Report parameters that are never active because their conditions exclude each other."""
    allowed: dict[str, dict[str, tuple[Value, ...]]] = {}
    for declaration in declarations.values():
        needed: dict[str, tuple[Value, ...]] = {}
        clash: str | None = None
        for condition in conditions[declaration.name]:
            inherited = allowed.get(condition.parameter, {})
            for name, values in [(condition.parameter, condition.values), *inherited.items()]:
                needed[name] = tuple(
                    value
                    for value in needed.get(name, values)
                    if any(same_value(value, other) for other in values)
                )
                clash = clash or (name if not needed[name] else None)
        if clash is None:
            allowed[declaration.name] = needed
        else:
            message = f"its conditions on {clash.removeprefix(EACH)} exclude each other"
            where = (*declaration.path, "when")
            document.report(where, f"never holds: {message}; change one of them")
