"""Choices that change nothing: never inside the constraints, or twins of another choice."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from study.search_space.candidate import RECIPE_FIELDS, ImageFormat, Value, Values
from study.search_space.distinct import architecture_space
from study.search_space.extremes import least
from study.search_space.resolve import candidate_id
from study.search_space.space import AnyParameter, CategoricalParameter, SearchSpace, bins
from study.search_space.summary.survey import Survey

MOST_VALUES = 32
"""A longer range is looked at in its bins only."""
CONTEXTS = 200
"""Draws in which two choices are compared, where not every point can be."""
SEED = 0


def idle_choices(space: SearchSpace, image: ImageFormat, survey: Survey) -> tuple[str, ...]:
    """Return a line for every parameter that has choices without an effect of their own."""
    lines = []
    contexts = _Contexts(space=space, image=image, exact=survey.exact)
    for parameter in space.parameters:
        values = _values(parameter)
        never = [v for v in values if not _occurs(parameter, v, space, image, survey)]
        if never:
            where = "inside the constraints" if survey.exact else "found inside the constraints"
            lines.append(f"{parameter.name} {_listed(never)}: no candidate {where}")
        duplicates = contexts.duplicates(parameter, [v for v in values if v not in never])
        lines += [
            f"{parameter.name} {_listed(others)}: {_what(parameter)} as {value}"
            for value, others in duplicates.items()
        ]
    return tuple(lines)


def _values(parameter: AnyParameter) -> Sequence[Value]:
    values = parameter.values()
    return values if values is not None and len(values) <= MOST_VALUES else bins(parameter)


def _what(parameter: AnyParameter) -> str:
    recipe = parameter.name in RECIPE_FIELDS
    return "the same candidate" if recipe else "the same network"


def _listed(values: Sequence[Value]) -> str:
    texts = [str(value) for value in values]
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"


def _occurs(
    parameter: AnyParameter, value: Value, space: SearchSpace, image: ImageFormat, survey: Survey
) -> bool:
    """Tell whether some allowed candidate has this value."""
    seen = survey.seen.get(parameter.name, frozenset())
    if not space.constraints or value in seen or parameter.name in RECIPE_FIELDS:
        return True
    if survey.exact:
        return False
    networks = _pinned(architecture_space(space), parameter, value)

    def outside(values: Values) -> float:
        return networks.excess(values, image) + (parameter.name not in values)

    return least(networks, outside, until=0.0).score == 0.0


def _pinned(space: SearchSpace, parameter: AnyParameter, value: Value) -> SearchSpace:
    single = CategoricalParameter(name=parameter.name, when=parameter.when, choices=(value,))
    parameters = tuple(single if p.name == parameter.name else p for p in space.parameters)
    return dataclasses.replace(space, parameters=parameters)


@dataclass(frozen=True, kw_only=True)
class _Contexts:
    """The settings of the other parameters in which two choices of one are compared.

    Args:
        space: The space.
        image: Format of the images.
        exact: All settings of the architecture are gone through; else, and for the recipe's
            parameters, a sample of the whole space.
    """

    space: SearchSpace
    image: ImageFormat
    exact: bool

    def duplicates(
        self, parameter: AnyParameter, values: Sequence[Value]
    ) -> dict[Value, list[Value]]:
        """Return the values that make the same candidate as an earlier one in every context."""
        duplicates: dict[Value, list[Value]] = {}
        first: list[Value] = []
        for value in values:
            same = next((v for v in first if self._same(parameter, v, value)), None)
            if same is None:
                first.append(value)
            else:
                duplicates.setdefault(same, []).append(value)
        return duplicates

    def _same(self, parameter: AnyParameter, one: Value, other: Value) -> bool:
        """Tell whether two values never differ; not where no context has the parameter."""
        name, compared = parameter.name, False
        for values in self._points(parameter, one):
            if self._identity(values) != self._identity({**values, name: other}):
                return False
            compared = True
        return compared

    def _points(self, parameter: AnyParameter, value: Value) -> Iterator[Values]:
        if self.exact and parameter.name not in RECIPE_FIELDS:
            every = _pinned(architecture_space(self.space), parameter, value).points()
            yield from (values for values in every if parameter.name in values)
            return
        for values in self._sample:
            if parameter.name in values:
                yield {**values, parameter.name: value}

    @cached_property
    def _sample(self) -> tuple[Values, ...]:
        rng = np.random.default_rng(SEED)
        return tuple(self.space.sample(rng) for _ in range(CONTEXTS))

    def _identity(self, values: Values) -> str:
        completed = self.space.complete(values, np.random.default_rng(SEED))
        return candidate_id(self.space.candidate(completed), self.image)
