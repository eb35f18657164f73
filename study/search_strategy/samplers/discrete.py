"""A search space with every range cut into a few bins, and the moves between its points.

The learning strategies choose among at most eight bins of a number, around powers of two where the
range suggests it. What they learn about a bin applies to all its values. The value within a bin is
drawn, so that every point can be reached.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from study.search_space.candidate import Value, Values
from study.search_space.parameter import (
    AnyParameter,
    CategoricalParameter,
    FloatParameter,
    IntParameter,
    bins,
    same_value,
    snap,
)
from study.search_space.space import SearchSpace

WIDE = 10.0
"""Ratio of its ends from which a range is measured in the logarithm, as in ``bins``."""
NEARBY = 2
STEP = 0.05
"""Number of small steps for each number, and their size relative to the range."""
FEW = 64
"""Up to this many values are walked one by one; a longer range in small steps."""

Choose = Callable[[int, int], int]
"""Index of a parameter and the number of its values → index of a value."""


class Step(NamedTuple):
    """One decision on the way to a point: index of the parameter, and of the bin chosen."""

    node: int
    choice: int


class DiscreteSpace:
    """The points of a space that the learning strategies choose from."""

    def __init__(self, space: SearchSpace) -> None:
        self.space = space
        self.choices: tuple[Sequence[Value], ...] = tuple(  # for a number, one value per bin
            tuple(bins(parameter)) for parameter in space.parameters
        )
        self._gates = {
            condition.parameter for parameter in space.parameters for condition in parameter.when
        }

    def sample(self, rng: np.random.Generator, *, known: Values | None = None) -> dict[str, Value]:
        """Return a point whose active values are drawn uniformly, bin by bin."""
        return self.walk(lambda _, count: int(rng.integers(count)), rng, known=known)

    def walk(
        self, choose: Choose, rng: np.random.Generator, *, known: Values | None = None
    ) -> dict[str, Value]:
        """Return the point of these choices.

        Args:
            choose: Called for each active parameter, in the order of the space.
            rng: Draws the value where a bin has several.
            known: Values that are not chosen.
        """
        values: dict[str, Value] = {}
        for node, parameter in enumerate(self.space.parameters):
            if not self.space.is_active(parameter, values):
                continue
            value = (known or {}).get(parameter.name)
            if value is None:
                choices, binned = self.choices[node], self._binned(node)
                choice = choose(node, len(choices))
                value = choices[choice] if binned is None else within(binned, choices, choice, rng)
            values[parameter.name] = value
        return values

    def _binned(self, node: int) -> IntParameter | FloatParameter | None:
        """Return the parameter if it has more values than bins, else None."""
        parameter = self.space.parameters[node]
        if isinstance(parameter, CategoricalParameter):
            return None
        values = parameter.values()
        return parameter if values is None or len(values) > len(self.choices[node]) else None

    def steps(self, values: Values) -> tuple[Step, ...]:
        """Return the decisions that lead to a point; a number counts as the nearest value."""
        return tuple(
            Step(node, _nearest(parameter, self.choices[node], values[parameter.name]))
            for node, parameter in enumerate(self.space.parameters)
            if parameter.name in values
        )

    def neighbours(self, values: Values, rng: np.random.Generator) -> Iterator[dict[str, Value]]:
        """Yield every point that differs in one choice; values that become active are drawn.

        The neighbours of a number are the values of the other bins and the values next to it.
        """
        for node, parameter in enumerate(self.space.parameters):
            if parameter.name in values:
                for value in self._others(node, values[parameter.name]):
                    yield self._with(values, parameter, value, rng)

    def mutate(self, values: Values, rng: np.random.Generator) -> dict[str, Value]:
        """Return a point with one active parameter changed, each with the same probability."""
        nodes = [
            node
            for node, parameter in enumerate(self.space.parameters)
            if parameter.name in values and len(self.choices[node]) > 1
        ]
        if not nodes:
            return dict(values)
        node = nodes[int(rng.integers(len(nodes)))]
        parameter = self.space.parameters[node]
        others = self._others(node, values[parameter.name])
        return self._with(values, parameter, others[int(rng.integers(len(others)))], rng)

    def _others(self, node: int, value: Value) -> list[Value]:
        others = [choice for choice in self.choices[node] if not same_value(choice, value)]
        binned, known = self._binned(node), {*others}
        if binned is None:
            return others
        return [*others, *(v for v in _beside(binned, value) if v not in known)]

    def nearby(self, values: Values, rng: np.random.Generator) -> Iterator[dict[str, Value]]:
        """Yield points that differ by a small normal step of a number with more values than bins.

        The step is taken in the logarithm where the range is wide.
        """
        for node in range(len(self.choices)):
            parameter = self._binned(node)
            if parameter is None or parameter.name not in values:
                continue
            for _ in range(NEARBY):
                step = STEP * float(rng.normal())
                value = _stepped(parameter, values[parameter.name], step)
                yield self._with(values, parameter, value, rng)

    def _with(
        self, values: Values, parameter: AnyParameter, value: Value, rng: np.random.Generator
    ) -> dict[str, Value]:
        """Return the point with one value changed; values that become active are drawn."""
        changed = {**values, parameter.name: value}
        return self.sample(rng, known=changed) if parameter.name in self._gates else changed


def in_logarithm(parameter: IntParameter | FloatParameter) -> bool:
    """Tell whether the values of a range are compared by their logarithms."""
    return parameter.log or (parameter.low > 0 and parameter.high / parameter.low >= WIDE)


def _stepped(parameter: IntParameter | FloatParameter, value: Value, step: float) -> Value:
    """Return the value nearest to a step away; the step is relative to the range."""
    low, high = float(parameter.low), float(parameter.high)
    if in_logarithm(parameter):
        number = float(value) * math.exp(step * math.log(high / low))
    else:
        number = float(value) + step * (high - low)
    return snap(parameter, min(max(number, low), high))


def _beside(parameter: IntParameter | FloatParameter, value: Value) -> list[Value]:
    """Return the values a small step below and above; the next ones if there are few values."""
    values = parameter.values()
    if values is not None and len(values) <= FEW:
        index = min(range(len(values)), key=lambda i: abs(float(values[i]) - float(value)))
        return [values[i] for i in (index - 1, index + 1) if 0 <= i < len(values)]
    stepped = (_stepped(parameter, value, step) for step in (-STEP, STEP))
    return [found for found in stepped if not same_value(found, value)]


def within(
    parameter: IntParameter | FloatParameter,
    choices: Sequence[Value],
    choice: int,
    rng: np.random.Generator,
) -> Value:
    """Return a value of a bin, drawn uniformly between the middles to the next bins' values.

    The draw is uniform in the logarithm where the values are spread geometrically.

    Args:
        choices: One value for each bin, ascending.
        choice: Index of the bin.
    """
    positions = [_scale(float(value), choices) for value in choices]
    left = (positions[max(choice - 1, 0)] + positions[choice]) / 2
    right = (positions[min(choice + 1, len(positions) - 1)] + positions[choice]) / 2
    position = left + float(rng.random()) * (right - left)
    value = snap(parameter, math.exp(position) if _is_geometric(choices) else position)
    return value if _nearest(parameter, choices, value) == choice else choices[choice]


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
    return math.log(max(number, float(choices[0]))) if _is_geometric(choices) else number


def _is_geometric(choices: Sequence[Value]) -> bool:
    low, high = float(choices[0]), float(choices[-1])
    return low > 0 and high / low >= WIDE
