"""What tells two search spaces apart, in words; nothing where candidates and draws are the same.

The order of the parameters counts: samplers draw in it, so another order is another sequence of
candidates. Names, descriptions and a default written out make no difference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from study.search_space.candidate import Value, Values
from study.search_space.effective import default_of
from study.search_space.parameter import AnyParameter, CategoricalParameter, same_value
from study.search_space.space import Bound, SearchSpace
from study.search_space.summary.summary_text import (
    bound_words,
    condition_words,
    value_word,
    values_words,
)


def space_differences(stored: SearchSpace, asked: SearchSpace) -> list[str]:
    """Return a line for each difference: what it is, what was stored, what was asked for."""
    return [
        *_declared(stored, asked),
        *_order(stored, asked),
        *_constraints(stored.constraints, asked.constraints),
        *_rows(stored.enqueue, asked.enqueue),
    ]


def _declared(stored: SearchSpace, asked: SearchSpace) -> Iterator[str]:
    names = dict.fromkeys([*stored.by_name, *asked.by_name, *stored.fixed, *asked.fixed])
    for name in names:
        if not _same(name, stored, asked):
            yield _line(name, _declaration(name, stored), _declaration(name, asked))


def _same(name: str, stored: SearchSpace, asked: SearchSpace) -> bool:
    old, new = stored.by_name.get(name), asked.by_name.get(name)
    if old is not None or new is not None:
        return old == new
    first, second = _fixed(name, stored), _fixed(name, asked)
    return first is not None and second is not None and same_value(first, second)


def _fixed(name: str, space: SearchSpace) -> Value | None:
    return space.fixed[name] if name in space.fixed else default_of(name)


def _declaration(name: str, space: SearchSpace) -> str:
    parameter = space.by_name.get(name)
    if parameter is not None:
        return parameter_words(parameter)
    value = _fixed(name, space)
    if value is None:
        return "nothing"
    return f"{value_word(value)}{'' if name in space.fixed else ' (the default)'}"


def parameter_words(parameter: AnyParameter) -> str:
    """Return what a parameter may be, where, and how a grid cuts it, in one line."""
    kind = type(parameter).__name__.removesuffix("Parameter").lower()
    text = f"{kind} {values_words(parameter)}"
    if not isinstance(parameter, CategoricalParameter) and parameter.grid_points is not None:
        text += f", {parameter.grid_points} of them in a grid"
    condition = condition_words(parameter)
    return f"{text}, where {condition}" if condition else text


def _order(stored: SearchSpace, asked: SearchSpace) -> Iterator[str]:
    common = stored.by_name.keys() & asked.by_name.keys()
    old = [name for name in stored.by_name if name in common]
    new = [name for name in asked.by_name if name in common]
    if old != new:
        yield _line("order of the parameters", ", ".join(old), ", ".join(new))


def _constraints(stored: Mapping[str, Bound], asked: Mapping[str, Bound]) -> Iterator[str]:
    for measure in dict.fromkeys([*stored, *asked]):
        old, new = stored.get(measure, Bound()), asked.get(measure, Bound())
        if old != new:
            yield _line(
                f"constraints.{measure}",
                bound_words(old) or "no bound",
                bound_words(new) or "no bound",
            )


def _rows(stored: tuple[Values, ...], asked: tuple[Values, ...]) -> Iterator[str]:
    if len(stored) != len(asked):
        yield _line("enqueue", f"{len(stored)} candidates", f"{len(asked)} candidates")
        return
    for number, (old, new) in enumerate(zip(stored, asked, strict=True), 1):
        if dict(old) != dict(new):
            yield _line(f"enqueue, candidate {number}", _row(old), _row(new))
            return


def _row(values: Values) -> str:
    return ", ".join(f"{name} {value_word(value)}" for name, value in values.items())


def _line(what: str, stored: str, asked: str) -> str:
    return f"space: {what}: stored {stored}; asked for {asked}"
