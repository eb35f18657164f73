"""Examines the networks of a space: all of them if they are few, else a sample and a search."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from study.common.errors import SearchSpaceError
from study.search_space.candidate import RECIPE_FIELDS, ImageFormat, Value, Values
from study.search_space.describe import describe_value, join_values
from study.search_space.distinct import architecture_space
from study.search_space.extremes import count_range, draws, is_small, least
from study.search_space.parameter import AnyParameter, CategoricalParameter, bins
from study.search_space.resolve import (
    Complexity,
    architecture_id,
    candidate_id,
    complexity,
    resolve,
)
from study.search_space.space import SearchSpace

SAMPLE = 1_000
MOST_VALUES = 32
"""Of a longer range only the bins are examined."""
CONTEXTS = 200
"""Draws in which two choices are compared, if there are too many architectures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkSurvey:
    """The networks of a space.

    Args:
        exact: Whether every architecture was examined. Otherwise a sample was examined, and the
            ranges come from a search.
        examined: Number of architectures examined.
        allowed: Number of examined architectures inside the constraints.
        networks: Distinct networks among the allowed ones; a lower bound if not exact.
        parameters: Smallest and largest number of parameters of an allowed network.
        macs: Smallest and largest number of multiply-accumulates for one image.
        seen: The values of every parameter in allowed networks.
    """

    exact: bool
    examined: int
    allowed: int
    networks: int
    parameters: tuple[int, int]
    macs: tuple[int, int]
    seen: Mapping[str, frozenset[Value]]


def survey_networks(space: SearchSpace, image: ImageFormat) -> NetworkSurvey:
    """Examine the networks of a space; the result is deterministic.

    Raises:
        SearchSpaceError: No network satisfies the constraints on images of this format.
    """
    architectures = architecture_space(space)
    exact = is_small(architectures)
    examined = allowed = 0
    networks: dict[str, Complexity] = {}
    seen: dict[str, set[Value]] = {}
    for values in architectures.points() if exact else draws(architectures, SAMPLE):
        examined += 1
        candidate = space.candidate(values)
        if space.broken_bounds(candidate, image):
            continue
        allowed += 1
        identity = architecture_id(candidate.architecture, image)
        if identity not in networks:
            networks[identity] = complexity(resolve(candidate.architecture, image))
        for name, value in values.items():
            seen.setdefault(name, set()).add(value)
    if exact and not allowed:
        message = f"{space.name}: no candidate satisfies the constraints on images of this format"
        raise SearchSpaceError([f"{message} ({image.size} pixels wide); widen the bounds"])
    ranges = {}
    for measure in ("parameters", "macs"):
        counts = [getattr(counted, measure) for counted in networks.values()]
        ranges[measure] = (
            (min(counts), max(counts))
            if exact
            else count_range(architectures, image, measure, inside=True)
        )
    return NetworkSurvey(
        exact=exact,
        examined=examined,
        allowed=allowed,
        networks=len(networks),
        parameters=ranges["parameters"],
        macs=ranges["macs"],
        seen={name: frozenset(values) for name, values in seen.items()},
    )


def idle_choices(space: SearchSpace, image: ImageFormat, survey: NetworkSurvey) -> tuple[str, ...]:
    """Return a line for every parameter with choices that have no effect of their own.

    These are choices that never occur inside the constraints, and choices that always give the
    same candidate as another choice.
    """
    choices = _Choices(space, image, survey)
    lines = []
    for parameter in space.parameters:
        name, values = parameter.name, parameter.values()
        if values is None or len(values) > MOST_VALUES:
            values = bins(parameter)
        never = [value for value in values if not choices.occurs(parameter, value)]
        if never:
            where = "inside the constraints" if survey.exact else "found inside the constraints"
            lines.append(f"{name} {join_values(never, 'and')}: no candidate {where}")
        what = "candidate" if name in RECIPE_FIELDS else "network"
        equal = choices.equal(parameter, [value for value in values if value not in never])
        lines += [
            f"{name} {join_values(others, 'and')}: the same {what} as {describe_value(value)}"
            for value, others in equal.items()
        ]
    return tuple(lines)


class _Choices:
    """Tells which choices occur, and which always give the same candidate.

    Two choices of a parameter are compared while the other parameters keep their values. After an
    exact survey, these are the values of every architecture. Otherwise, and for parameters of the
    recipe, they are a sample of the space.
    """

    def __init__(self, space: SearchSpace, image: ImageFormat, survey: NetworkSurvey) -> None:
        self.space, self.image, self.survey = space, image, survey
        self._sample = tuple(draws(space, CONTEXTS))
        self._examples: dict[str, Values] = {}

    def occurs(self, parameter: AnyParameter, value: Value) -> bool:
        """Tell whether some allowed candidate has this value."""
        name = parameter.name
        seen = self.survey.seen.get(name, frozenset())
        if not self.space.constraints or value in seen or name in RECIPE_FIELDS:
            return True
        if self.survey.exact:
            return False
        networks = self._architectures(parameter, value)

        def outside(values: Values) -> float:
            return networks.excess(values, self.image) + (name not in values)

        example = self._examples.get(name, {})  # saves most searches
        changed = networks.complete({**example, name: value}, np.random.default_rng(0))
        if outside(changed) == 0.0:
            return True
        found = least(networks, outside, until=0.0)
        if found.score == 0.0:
            self._examples[name] = found.values
        return found.score == 0.0

    def equal(self, parameter: AnyParameter, values: Sequence[Value]) -> dict[Value, list[Value]]:
        """Return the values that always give the same candidate as an earlier value."""
        equal: dict[Value, list[Value]] = {}
        different: list[Value] = []
        for value in values:
            same = next((v for v in different if self._same(parameter, v, value)), None)
            if same is None:
                different.append(value)
            else:
                equal.setdefault(same, []).append(value)
        return equal

    def _same(self, parameter: AnyParameter, one: Value, other: Value) -> bool:
        """Tell whether two values never differ; False if the parameter is never active."""
        contexts: Iterable[Values] = self._sample
        if self.survey.exact and parameter.name not in RECIPE_FIELDS:
            contexts = self._architectures(parameter, one).points()
        compared = False
        for values in contexts:
            if parameter.name in values:
                first, second = ({**values, parameter.name: value} for value in (one, other))
                if self._identity(first) != self._identity(second):
                    return False
                compared = True
        return compared

    def _identity(self, values: Values) -> str:
        completed = self.space.complete(values, np.random.default_rng(0))
        return candidate_id(self.space.candidate(completed), self.image)

    def _architectures(self, parameter: AnyParameter, value: Value) -> SearchSpace:
        """Return the space of the architecture in which the parameter has only this value."""
        space = architecture_space(self.space)
        single = CategoricalParameter(name=parameter.name, when=parameter.when, choices=(value,))
        parameters = tuple(single if p.name == parameter.name else p for p in space.parameters)
        return dataclasses.replace(space, parameters=parameters)
