"""``when:`` → conditions; each may only look back, at values that can occur."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from study.search_space.candidate import Field, Value
from study.search_space.reading.declarations import Declaration
from study.search_space.reading.document import BROKEN, Entry
from study.search_space.reading.problems import Problems, did_you_mean, listed, quoted
from study.search_space.reading.values import read_value
from study.search_space.space import Condition, same_value

EACH = "stage*."
"""Prefix of the names of parameters that stand inside ``each``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Everything that is declared, in order, and which field each name stands for.

    Args:
        declarations: In the order of the file, stages in place of ``stages``.
        fields: What the value of each name may be.
    """

    declarations: Sequence[Declaration]
    fields: Mapping[str, Field]
    order: Mapping[str, int] = field(init=False)

    def __post_init__(self) -> None:
        order = {declaration.name: i for i, declaration in enumerate(self.declarations)}
        object.__setattr__(self, "order", order)

    def find(self, word: str, asking: str) -> str | None:
        """Return the full name that ``word`` stands for in the ``when`` of ``asking``."""
        names = (EACH + word, word) if asking.startswith(EACH) else (word,)
        return next((n for n in names if n in self.order and self._visible(n, asking)), None)

    def words(self, asking: str) -> list[str]:
        """Return the words that the ``when`` of ``asking`` may use."""
        names = (name for name in self.order if self._visible(name, asking) and name != asking)
        return [name.removeprefix(EACH) for name in names]

    def _visible(self, name: str, asking: str) -> bool:
        return not name.startswith(EACH) or asking.startswith(EACH)


def read_conditions(scope: Scope, problems: Problems) -> Mapping[str, tuple[Condition, ...]]:
    """Return the conditions of every declaration by its name; problems are noted."""
    references = {
        declaration.name: dict(_references(declaration, scope, problems))
        for declaration in scope.declarations
    }
    circular = _note_cycles(references, scope, problems)
    conditions = {}
    for declaration in scope.declarations:
        read = [
            _condition(declaration, name, entry, scope, problems)
            for name, entry in references[declaration.name].items()
            if (declaration.name, name) not in circular
        ]
        conditions[declaration.name] = tuple(c for c in read if c is not None)
    _note_contradictions(conditions, scope, problems)
    return conditions


def _references(
    declaration: Declaration, scope: Scope, problems: Problems
) -> Iterator[tuple[str, Entry]]:
    """Yield each parameter that a ``when`` names, with the entry of its values."""
    when = declaration.when
    if when is None or when.value is BROKEN:
        return
    if not isinstance(when.value, Mapping) or not when.value:
        found = "an empty mapping" if isinstance(when.value, Mapping) else when.described()
        message = f"expected a mapping like {{optimizer: sgd}}, found {found}"
        problems.add(when.line, when.key, message)
        return
    for word, entry in when.value.items():
        name = scope.find(word, declaration.name)
        if name == declaration.name:
            message = "the condition is on the parameter itself; name an earlier parameter"
            problems.add(entry.line, entry.key, message)
        elif name is None:
            guess = did_you_mean(word, scope.words(declaration.name))
            message = f"{quoted(word)} is no parameter of this space{guess}"
            problems.add(entry.line, entry.key, message)
        else:
            yield name, entry


def _note_cycles(
    references: Mapping[str, Mapping[str, Entry]], scope: Scope, problems: Problems
) -> set[tuple[str, str]]:
    """Note each cycle once and return the references that form it."""
    circular: set[tuple[str, str]] = set()
    for start in scope.order:
        path = _path_back(start, references)
        links = set(itertools.pairwise(path))
        if not path or links <= circular:
            continue
        if not links & circular:
            shown = " → ".join(name.removeprefix(EACH) for name in path)
            entry = references[start][path[1]]
            message = f"the conditions form a cycle, {shown}; remove one of them"
            problems.add(entry.line, entry.key, message)
        circular |= links
    return circular


def _path_back(start: str, references: Mapping[str, Mapping[str, Entry]]) -> list[str]:
    """Return the shortest path of references from ``start`` to itself; empty if none."""
    paths, seen = [[start]], {start}
    for path in paths:  # grows while it is walked: breadth first
        for name in references[path[-1]]:
            if name == start:
                return [*path, name]
            if name not in seen:
                seen.add(name)
                paths.append([*path, name])
    return []


def _condition(
    declaration: Declaration, name: str, entry: Entry, scope: Scope, problems: Problems
) -> Condition | None:
    target = scope.declarations[scope.order[name]]
    if target.parameter is not None and scope.order[name] > scope.order[declaration.name]:
        message = f"{name.removeprefix(EACH)} is declared later; move it above this parameter"
        problems.add(entry.line, entry.key, message)
        return None
    asked = entry.value if isinstance(entry.value, tuple) else (entry,)
    if not asked:
        problems.add(entry.line, entry.key, "found an empty list; write the values it may have")
        return None
    values: list[Value] = []
    for item in asked:
        value = read_value(item, scope.fields[name], problems)
        if value is None or not _is_possible(value, item, target, problems):
            continue
        if any(same_value(value, other) for other in values):
            problems.add(item.line, item.key, f"{item.text} stands here twice; remove one")
            continue
        values.append(value)
    return Condition(parameter=name, values=tuple(values)) if values else None


def _is_possible(value: Value, item: Entry, target: Declaration, problems: Problems) -> bool:
    """Tell whether the parameter a condition names can have this value."""
    if target.content is None:
        return False  # its own problem has been noted
    possible = target.values()
    if possible is None:
        message = "a real number without step has no single values to ask for; give it a step"
        problems.add(item.line, item.key, message)
        return False
    if any(same_value(value, other) for other in possible):
        return True
    message = f"it is never {item.text}, so this can never hold; its values: {listed(possible)}"
    problems.add(item.line, item.key, message)
    return False


def _note_contradictions(
    conditions: Mapping[str, tuple[Condition, ...]], scope: Scope, problems: Problems
) -> None:
    """Note parameters that could never be active, because their conditions exclude each other."""
    allowed: dict[str, dict[str, tuple[Value, ...]]] = {}
    for declaration in scope.declarations:
        needed: dict[str, tuple[Value, ...]] = {}
        clash: str | None = None
        for condition in conditions[declaration.name]:
            inherited = allowed.get(condition.parameter, {})
            for name, values in [(condition.parameter, condition.values), *inherited.items()]:
                needed[name] = _common(needed.get(name, values), values)
                clash = clash or (name if not needed[name] else None)
        if clash is None:
            allowed[declaration.name] = needed
        elif declaration.when is not None:
            message = f"can never hold: its conditions ask {clash.removeprefix(EACH)} for "
            problems.add(
                declaration.when.line,
                declaration.when.key,
                f"{message}values that exclude each other; change one of them",
            )


def _common(first: tuple[Value, ...], second: tuple[Value, ...]) -> tuple[Value, ...]:
    return tuple(a for a in first if any(same_value(a, b) for b in second))
