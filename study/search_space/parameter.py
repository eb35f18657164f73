"""The kinds of parameters: their values, drawn at random or suggested by a trial."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol, cast

import numpy as np

from study.search_space.candidate import Value

MAX_BINS = 8
FEW_VALUES = 32
"""In a longer range, ratios between values matter more than differences."""


class SuggestingTrial(Protocol):
    """The part of ``optuna.Trial`` that suggests values."""

    def suggest_int(
        self, name: str, low: int, high: int, *, step: int = 1, log: bool = False
    ) -> int: ...

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float: ...

    def suggest_categorical(self, name: str, choices: Sequence[Value | None]) -> Value | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """Holds if ``parameter`` is active and has one of ``values``."""

    parameter: str
    values: tuple[Value, ...]

    def allows(self, value: Value) -> bool:
        """Tell whether ``value`` is one of ``values``."""
        return value in self.values and any(same_value(value, v) for v in self.values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A parameter is active if all conditions in ``when`` hold.

    Every kind has ``values()``, in ascending order and None if uncountable; ``draw(rng)``, uniform
    or uniform in the logarithm; and ``suggest(trial)``.
    """

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
        return range(self.low, self.high + 1, self.step)

    def draw(self, rng: np.random.Generator) -> int:
        if self.log:
            low, high = math.log(self.low - 0.5), math.log(self.high + 0.5)
            return min(max(round(math.exp(rng.uniform(low, high))), self.low), self.high)
        return int(self.values()[int(rng.integers(len(self.values())))])

    def suggest(self, trial: SuggestingTrial) -> int:
        return trial.suggest_int(self.name, self.low, self.high, step=self.step, log=self.log)


@dataclass(frozen=True, slots=True, kw_only=True)
class FloatParameter(Parameter):
    """Real numbers from ``low`` to ``high``, both included, in steps if ``step`` is given."""

    low: float
    high: float
    step: float | None = None
    log: bool = False
    grid_points: int | None = None

    def values(self) -> Sequence[float] | None:
        if self.low == self.high:
            return (self.low,)
        return None if self.step is None else _stepped(self.low, self.high, self.step)

    def draw(self, rng: np.random.Generator) -> float:
        values = self.values()
        if values is not None:
            return float(values[int(rng.integers(len(values)))])
        if self.log:
            value = math.exp(rng.uniform(math.log(self.low), math.log(self.high)))
            return min(max(value, self.low), self.high)
        return float(rng.uniform(self.low, self.high))

    def suggest(self, trial: SuggestingTrial) -> float:
        return trial.suggest_float(self.name, self.low, self.high, step=self.step, log=self.log)


@lru_cache(maxsize=256)
def _stepped(low: float, high: float, step: float) -> tuple[float, ...]:
    count = math.floor((high - low) / step + 1e-9) + 1
    return tuple(float(rounded(low + i * step)) for i in range(count))


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoricalParameter(Parameter):
    """One of ``choices``; their order has no meaning."""

    choices: tuple[Value, ...]

    def values(self) -> Sequence[Value]:
        return self.choices

    def draw(self, rng: np.random.Generator) -> Value:
        return self.choices[int(rng.integers(len(self.choices)))]

    def suggest(self, trial: SuggestingTrial) -> Value:
        return cast(Value, trial.suggest_categorical(self.name, self.choices))


AnyParameter = IntParameter | FloatParameter | CategoricalParameter


def grid_values(parameter: AnyParameter) -> Sequence[Value] | None:
    """Return the values of the grid: ``grid_points`` values or all; None if uncountable."""
    if isinstance(parameter, CategoricalParameter) or parameter.grid_points is None:
        return parameter.values()
    return _spread(parameter, parameter.grid_points)


def bins(parameter: AnyParameter, limit: int = MAX_BINS) -> Sequence[Value]:
    """Return at most ``limit`` values that represent the whole range of a number.

    Choices are never reduced. A range of up to ``FEW_VALUES`` values is reduced evenly, unless it
    is logarithmic. A longer range between powers of two becomes these powers, if there are at most
    ``limit``. A range with high / low of at least 10 is reduced geometrically, any other evenly.
    """
    values = parameter.values()
    if isinstance(parameter, CategoricalParameter) or (values and len(values) <= limit):
        return values or ()
    if values and len(values) <= FEW_VALUES and not parameter.log:
        return tuple(values[round(i * (len(values) - 1) / (limit - 1))] for i in range(limit))
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
    """Return up to ``count`` values from low to high: geometric for wide ranges, else even."""
    low, high = float(parameter.low), float(parameter.high)
    if count == 1 or low == high:
        return (parameter.low,)
    if parameter.log or (parameter.grid_points is None and low > 0 and high / low >= 10):
        points = np.geomspace(low, high, count)
    else:
        points = np.linspace(low, high, count)
    points[0], points[-1] = low, high
    return tuple(dict.fromkeys(snap(parameter, float(point)) for point in points))


def snap(parameter: IntParameter | FloatParameter, point: float) -> Value:
    """Return the parameter's value nearest to ``point``."""
    if isinstance(parameter, IntParameter):
        steps = round((point - parameter.low) / parameter.step)
        return min(parameter.low + steps * parameter.step, int(parameter.values()[-1]))
    values = parameter.values()
    if values is None:
        return min(max(float(f"{point:.6g}"), parameter.low), parameter.high)
    return min(values, key=lambda value: abs(value - point))


def same_value(a: Value, b: Value) -> bool:
    """Tell whether two values are the same: ``True`` is not ``1``, but ``0`` is ``0.0``."""
    return a == b and isinstance(a, bool) == isinstance(b, bool)


def own_value(parameter: AnyParameter, value: Value) -> Value | None:
    """Return the parameter's value that equals ``value`` to 12 digits, or None."""
    values = parameter.values()
    if values is not None:
        return next((own for own in values if same_value(rounded(own), rounded(value))), None)
    assert isinstance(parameter, FloatParameter)
    inside = isinstance(value, int | float) and parameter.low <= value <= parameter.high
    return float(value) if inside else None


def rounded(value: Value) -> Value:
    """Return a value, a float rounded to 12 digits: 0.1 + 0.2 becomes 0.3.

    Optuna computes ``low + i * step`` in floats; 12 digits make its values equal to ours.
    """
    return float(f"{value:.12g}") if isinstance(value, float) else value
