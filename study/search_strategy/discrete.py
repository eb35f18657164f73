"""A search space with every range cut into a few values, and the moves between its points.

The learning strategies choose among at most eight values of a number, powers of two where the
range suggests it: what is learnt of a value serves again, and repeated candidates are free.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from study.search_space.candidate import Value, Values
from study.search_space.parameter import snap
from study.search_space.space import (
    AnyParameter,
    CategoricalParameter,
    FloatParameter,
    IntParameter,
    SearchSpace,
    bins,
    same_value,
)

WIDE = 10.0
"""A range of ten to one or more is measured in the logarithm, as ``bins`` cuts it."""
NEARBY = 2
STEP = 0.05
"""Small steps for each number, and their standard deviation in units of the range."""

Choose = Callable[[int, int], int]
"""Index of a parameter and the number of its values → index of a value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One decision on the way to a point.

    Args:
        node: Index of the parameter in the space.
        choice: Index of the value among the parameter's.
    """

    node: int
    choice: int


class DiscreteSpace:
    """The points of a space that the learning strategies choose from.

    Args:
        space: The space as declared.
    """

    def __init__(self, space: SearchSpace) -> None:
        self.space = space
        self.choices: tuple[Sequence[Value], ...] = tuple(
            tuple(bins(parameter)) for parameter in space.parameters
        )
        self._gates = {
            condition.parameter for parameter in space.parameters for condition in parameter.when
        }

    def sample(self, rng: np.random.Generator) -> dict[str, Value]:
        """Return a point whose active values are drawn uniformly."""
        return self.walk(lambda _, count: int(rng.integers(count)))

    def walk(self, choose: Choose) -> dict[str, Value]:
        """Return the point that these choices lead to.

        Args:
            choose: Called for each active parameter in order with its index in the space and
                the number of its values; returns the index of one.
        """
        values: dict[str, Value] = {}
        for node, parameter in enumerate(self.space.parameters):
            if self.space.is_active(parameter, values):
                choices = self.choices[node]
                values[parameter.name] = choices[choose(node, len(choices))]
        return values

    def steps(self, values: Values) -> tuple[Step, ...]:
        """Return the decisions that lead to a point; a number counts as the nearest value."""
        return tuple(
            Step(node=node, choice=_nearest(parameter, self.choices[node], values[parameter.name]))
            for node, parameter in enumerate(self.space.parameters)
            if parameter.name in values
        )

    def neighbours(self, values: Values, rng: np.random.Generator) -> Iterator[dict[str, Value]]:
        """Yield every point that differs in one choice; what becomes active is drawn.

        Of a number, all its values are neighbours: a range has at most eight.
        """
        for node, parameter in enumerate(self.space.parameters):
            if parameter.name not in values:
                continue
            for value in self.choices[node]:
                if not same_value(value, values[parameter.name]):
                    yield self._with(values, parameter, value, rng)

    def mutate(self, values: Values, rng: np.random.Generator) -> dict[str, Value]:
        """Return a point with one active parameter changed, all parameters alike likely."""
        nodes = [
            node
            for node, parameter in enumerate(self.space.parameters)
            if parameter.name in values and len(self.choices[node]) > 1
        ]
        if not nodes:
            return dict(values)
        node = nodes[int(rng.integers(len(nodes)))]
        parameter = self.space.parameters[node]
        others = [v for v in self.choices[node] if not same_value(v, values[parameter.name])]
        return self._with(values, parameter, others[int(rng.integers(len(others)))], rng)

    def nearby(self, values: Values, rng: np.random.Generator) -> Iterator[dict[str, Value]]:
        """Yield points that differ by a small step of a number which has more values than bins."""
        for node, parameter in enumerate(self.space.parameters):
            if parameter.name in values and self._has_more(node):
                for _ in range(NEARBY):
                    value = moved(parameter, values[parameter.name], rng)
                    yield self._with(values, parameter, value, rng)

    def _has_more(self, node: int) -> bool:
        values = self.space.parameters[node].values()
        return values is None or len(values) > len(self.choices[node])

    def _with(
        self, values: Values, parameter: AnyParameter, value: Value, rng: np.random.Generator
    ) -> dict[str, Value]:
        """Return the point with one value changed and what became active drawn uniformly."""
        wanted = {**values, parameter.name: value}
        if parameter.name not in self._gates:
            return wanted
        changed: dict[str, Value] = {}
        for node, other in enumerate(self.space.parameters):
            if self.space.is_active(other, changed):
                choices = self.choices[node]
                known = wanted.get(other.name)
                drawn = choices[int(rng.integers(len(choices)))] if known is None else known
                changed[other.name] = drawn
        return changed


def in_logarithm(parameter: IntParameter | FloatParameter) -> bool:
    """Tell whether a range is so wide that its values are compared by their logarithms."""
    return parameter.log or (parameter.low > 0 and parameter.high / parameter.low >= WIDE)


def moved(parameter: AnyParameter, value: Value, rng: np.random.Generator) -> Value:
    """Return a value a small normal step away, in the logarithm where the range is wide."""
    if isinstance(parameter, CategoricalParameter):
        return value
    low, high = float(parameter.low), float(parameter.high)
    step = STEP * float(rng.normal())
    if in_logarithm(parameter):
        number = float(value) * math.exp(step * math.log(high / low))
    else:
        number = float(value) + step * (high - low)
    return snap(parameter, min(max(number, low), high))


def _nearest(parameter: AnyParameter, choices: Sequence[Value], value: Value) -> int:
    for index, choice in enumerate(choices):
        if same_value(choice, value):
            return index
    if isinstance(parameter, CategoricalParameter):
        message = f"{parameter.name}: {value!r} is none of its choices {tuple(choices)}"
        raise ValueError(message)
    wanted = _scale(float(value), choices)
    distances = [abs(_scale(float(choice), choices) - wanted) for choice in choices]
    return distances.index(min(distances))


def _scale(number: float, choices: Sequence[Value]) -> float:
    """Return the logarithm where the values are spread geometrically, else the number."""
    low, high = float(choices[0]), float(choices[-1])
    return math.log(max(number, low)) if low > 0 and high / low >= WIDE else number
