"""What may vary: parameters, their conditions, and the space they span. Frozen and pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType

import numpy as np

from study.search_space.candidate import (
    ARCHITECTURE_FIELDS,
    RECIPE_FIELDS,
    STAGE_FIELDS,
    Architecture,
    Candidate,
    ImageFormat,
    Recipe,
    Stage,
    Value,
    Values,
)
from study.search_space.resolve import complexity, resolve

MAX_BINS = 8
STAGE_COUNT = "stages.count"


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """Holds where ``parameter`` is active and has one of ``values``."""

    parameter: str
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """What every kind of parameter has: a name, and all the conditions that make it active."""

    name: str
    when: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class IntParameter(Parameter):
    """Whole numbers ``low, low + step, … high``, both ends included."""

    low: int
    high: int
    step: int = 1
    log: bool = False
    grid_points: int | None = None

    def values(self) -> Sequence[int]:
        """Every value, in rising order."""
        return range(self.low, self.high + 1, self.step)

    def draw(self, rng: np.random.Generator) -> int:
        """Return one value; uniform, or uniform in the logarithm."""
        if self.log:
            low, high = math.log(self.low - 0.5), math.log(self.high + 0.5)
            return min(max(round(math.exp(rng.uniform(low, high))), self.low), self.high)
        return int(self.values()[int(rng.integers(len(self.values())))])


@dataclass(frozen=True, slots=True, kw_only=True)
class FloatParameter(Parameter):
    """Real numbers from ``low`` to ``high``, both included, every ``step`` where one is given."""

    low: float
    high: float
    step: float | None = None
    log: bool = False
    grid_points: int | None = None

    def values(self) -> Sequence[float] | None:
        """Every value in rising order, or None where there is no step."""
        if self.low == self.high:
            return (self.low,)
        if self.step is None:
            return None
        count = math.floor((self.high - self.low) / self.step + 1e-9) + 1
        return tuple(round(self.low + i * self.step, 12) for i in range(count))

    def draw(self, rng: np.random.Generator) -> float:
        """Return one value; uniform, or uniform in the logarithm."""
        values = self.values()
        if values is not None:
            return float(values[int(rng.integers(len(values)))])
        if self.log:
            value = math.exp(rng.uniform(math.log(self.low), math.log(self.high)))
            return min(max(value, self.low), self.high)
        return float(rng.uniform(self.low, self.high))


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoricalParameter(Parameter):
    """One of ``choices``, in no order."""

    choices: tuple[Value, ...]

    def values(self) -> Sequence[Value]:
        """Every choice."""
        return self.choices

    def draw(self, rng: np.random.Generator) -> Value:
        """Return one choice, uniformly."""
        return self.choices[int(rng.integers(len(self.choices)))]


AnyParameter = IntParameter | FloatParameter | CategoricalParameter


def grid_values(parameter: AnyParameter) -> Sequence[Value] | None:
    """Return the values a grid visits: ``grid_points`` of them, else all; None if uncountable."""
    if isinstance(parameter, CategoricalParameter) or parameter.grid_points is None:
        return parameter.values()
    return _spread(parameter, parameter.grid_points)


def bins(parameter: AnyParameter, limit: int = MAX_BINS) -> Sequence[Value]:
    """Return at most ``limit`` values that stand for the whole range of a number.

    Choices are never cut. A whole range of powers of two becomes these powers, where they are
    few enough; a range of ten to one or more is cut geometrically, any other evenly.
    """
    values = parameter.values()
    if isinstance(parameter, CategoricalParameter) or (values and len(values) <= limit):
        return values or ()
    if isinstance(parameter, IntParameter) and parameter.step == 1:
        powers = _powers_of_two(parameter.low, parameter.high)
        if 2 < len(powers) <= limit:
            return powers
    return _spread(parameter, limit)


def _powers_of_two(low: int, high: int) -> tuple[int, ...]:
    if low < 1 or (low & (low - 1)) or (high & (high - 1)) or high < 4 * low:
        return ()
    return tuple(2**i for i in range(low.bit_length() - 1, high.bit_length()))


def _spread(parameter: IntParameter | FloatParameter, count: int) -> Sequence[Value]:
    """Return up to ``count`` values from low to high, even or, for wide ranges, geometric."""
    low, high = float(parameter.low), float(parameter.high)
    if count == 1 or low == high:
        return (parameter.low,)
    if parameter.log or (parameter.grid_points is None and low > 0 and high / low >= 10):
        points = np.geomspace(low, high, count)
    else:
        points = np.linspace(low, high, count)
    points[0], points[-1] = low, high
    return tuple(dict.fromkeys(_snap(parameter, float(point)) for point in points))


def _snap(parameter: IntParameter | FloatParameter, point: float) -> Value:
    """Return the value of the parameter nearest to ``point``."""
    if isinstance(parameter, IntParameter):
        steps = round((point - parameter.low) / parameter.step)
        return min(parameter.low + steps * parameter.step, int(parameter.values()[-1]))
    values = parameter.values()
    if values is None:
        return float(f"{point:.6g}") if parameter.low < point < parameter.high else point
    return min(values, key=lambda value: abs(value - point))


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """Smallest and largest allowed number, both included; None where there is no limit."""

    low: float | None = None
    high: float | None = None

    def excess(self, number: float) -> float:
        """Return by which factor, less one, ``number`` lies outside; 0 where it is allowed."""
        if self.high is not None and number > self.high:
            return number / self.high - 1 if self.high > 0 else math.inf
        if self.low is not None and number < self.low:
            return self.low / max(number, 1) - 1
        return 0.0


@dataclass(frozen=True, kw_only=True)
class SearchSpace:
    """A search space: what varies, what is fixed, and what a network may cost.

    Args:
        name: Short name, used in messages.
        parameters: What varies, in the order it is drawn. A condition refers to earlier
            parameters only. Parameters of stage ``i`` (from 1) are called ``stage{i}.field``.
        fixed: Candidate fields (and ``stage{i}.field``, ``stages.count``) with one value.
        constraints: Bounds on ``parameters`` and ``macs`` of the network.
        enqueue: Values to try first, complete and valid.
        description: What the space is for, in its author's words.
    """

    name: str
    parameters: tuple[AnyParameter, ...]
    fixed: Mapping[str, Value] = field(default_factory=dict)
    constraints: Mapping[str, Bound] = field(default_factory=dict)
    enqueue: tuple[Values, ...] = ()
    description: str = ""

    @cached_property
    def by_name(self) -> Mapping[str, AnyParameter]:
        """The parameters by name."""
        return MappingProxyType({parameter.name: parameter for parameter in self.parameters})

    def is_active(self, parameter: AnyParameter, values: Values) -> bool:
        """Tell whether all conditions of ``parameter`` hold, given the values drawn so far."""
        return all(
            self._holds(condition, values.get(condition.parameter)) for condition in parameter.when
        )

    def _holds(self, condition: Condition, value: Value | None) -> bool:
        if value is None:
            value = self.fixed.get(condition.parameter)
        return value is not None and any(same_value(value, v) for v in condition.values)

    def sample(self, rng: np.random.Generator) -> dict[str, Value]:
        """Return one point, every active parameter drawn on its own; constraints not looked at."""
        values: dict[str, Value] = {}
        for parameter in self.parameters:
            if self.is_active(parameter, values):
                values[parameter.name] = parameter.draw(rng)
        return values

    def complete(self, values: Values, rng: np.random.Generator) -> dict[str, Value]:
        """Return ``values`` without what is inactive and with what became active drawn anew."""
        completed: dict[str, Value] = {}
        for parameter in self.parameters:
            if self.is_active(parameter, completed):
                known = values.get(parameter.name)
                completed[parameter.name] = parameter.draw(rng) if known is None else known
        return completed

    def points(self) -> Iterator[dict[str, Value]]:
        """Yield every point of the grid, first parameter slowest; constraints not looked at.

        Raises:
            ValueError: A parameter has no countable values.
        """
        yield from self._points(0, {})

    def _points(self, index: int, values: dict[str, Value]) -> Iterator[dict[str, Value]]:
        if index == len(self.parameters):
            yield dict(values)
            return
        parameter = self.parameters[index]
        if not self.is_active(parameter, values):
            yield from self._points(index + 1, values)
            return
        for value in _grid(parameter):
            values[parameter.name] = value
            yield from self._points(index + 1, values)
        values.pop(parameter.name, None)

    def size(self) -> int | None:
        """Return the number of points of the grid, counted without visiting them.

        None where a parameter has no countable values.
        """
        if any(grid_values(parameter) is None for parameter in self.parameters):
            return None
        last_use = {
            condition.parameter: index
            for index, parameter in enumerate(self.parameters)
            for condition in parameter.when
        }
        counts: dict[frozenset[tuple[str, Value]], int] = {frozenset(): 1}
        for index, parameter in enumerate(self.parameters):
            counts = self._count(parameter, index, counts, last_use)
        return sum(counts.values())

    def _count(
        self,
        parameter: AnyParameter,
        index: int,
        counts: Mapping[frozenset[tuple[str, Value]], int],
        last_use: Mapping[str, int],
    ) -> dict[frozenset[tuple[str, Value]], int]:
        """Extend counts of the prefixes, told apart only by values that later conditions read."""
        grid, needed = _grid(parameter), last_use.get(parameter.name, -1) > index
        extended: dict[frozenset[tuple[str, Value]], int] = {}
        for known, count in counts.items():
            kept = frozenset(pair for pair in known if last_use[pair[0]] > index)
            if not self.is_active(parameter, dict(known)):
                extended[kept] = extended.get(kept, 0) + count
            elif needed:
                for value in grid:
                    key = kept | {(parameter.name, value)}
                    extended[key] = extended.get(key, 0) + count
            else:
                extended[kept] = extended.get(kept, 0) + count * len(grid)
        return extended

    def candidate(self, values: Values) -> Candidate:
        """Return the candidate that these values describe."""
        merged = {**self.fixed, **values}
        architecture = {name: merged[name] for name in ARCHITECTURE_FIELDS if name in merged}
        recipe = {name: merged[name] for name in RECIPE_FIELDS if name in merged}
        return Candidate(
            architecture=Architecture(stages=_stages(merged), **architecture),  # type: ignore[arg-type]
            recipe=Recipe(**recipe),  # type: ignore[arg-type]
        )

    def excess(self, values: Values, image: ImageFormat) -> float:
        """Return how far the network lies outside its constraints; 0 where it satisfies them."""
        if not self.constraints:
            return 0.0
        counts = complexity(resolve(self.candidate(values).architecture, image))
        return sum(
            bound.excess(getattr(counts, measure)) for measure, bound in self.constraints.items()
        )

    def allows(self, values: Values, image: ImageFormat) -> bool:
        """Tell whether the network of these values satisfies the constraints."""
        return self.excess(values, image) == 0.0

    def with_fixed(self, **fields: Value) -> SearchSpace:
        """Return the same space with these candidate fields fixed to other values."""
        return replace(self, fixed={**self.fixed, **fields})


def same_value(a: Value, b: Value) -> bool:
    """Tell whether two values are one choice: ``True`` is not ``1``, but ``0`` is ``0.0``."""
    return a == b and isinstance(a, bool) == isinstance(b, bool)


def _grid(parameter: AnyParameter) -> Sequence[Value]:
    values = grid_values(parameter)
    if values is None:
        message = f"{parameter.name}: a float without step has no countable values"
        raise ValueError(message)
    return values


def _stages(merged: Values) -> tuple[Stage, ...]:
    count = int(merged.get(STAGE_COUNT, 0))
    return tuple(
        Stage(
            **{
                name: merged[f"stage{i}.{name}"]
                for name in STAGE_FIELDS
                if f"stage{i}.{name}" in merged
            }  # type: ignore[arg-type]
        )
        for i in range(1, count + 1)
    )
