"""CMA-ES with margin (Hansen 2016, 1604.00772; Hamano et al., 2205.13482) on a space's numbers.

Optuna's ``CmaEsSampler`` is built on the same package, but keeps a pickled optimiser in every
trial. Here the optimiser is rebuilt from the finished trials: each stores the generation for which
it was drawn, and when a generation is complete the distribution moves. It learns from ranks alone,
so pruned and failed trials count, and the metric's scale does not matter.

It models numbers only. Choices, and numbers that are not always active, are drawn at random.
"""

from __future__ import annotations

import copy
import dataclasses
import math
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from study.common.errors import SettingsError
from study.search_space.candidate import Value
from study.search_space.parameter import FloatParameter, IntParameter, snap
from study.search_space.space import SearchSpace
from study.search_strategy.sampler import Sampler, StrategyContext
from study.search_strategy.samplers.discrete import in_logarithm
from study.search_strategy.strategy import (
    History,
    IncrementalState,
    Observation,
    Proposal,
    Strategy,
    generator,
    merit,
)

Number = IntParameter | FloatParameter

SIGMA = 1 / 6
"""First standard deviation in units of the range, around its middle, as in Optuna."""
DIGITS = 12
"""Decimals of a draw that are stored and learned from. The last bits of a matrix product depend on
memory alignment, so a replay would not reproduce them."""


@dataclasses.dataclass(slots=True, kw_only=True)
class _Distribution:
    """The distribution (a ``cmaes.CMAwM``) and the trials of its current generation."""

    optimizer: Any
    tried: list[Observation] = dataclasses.field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class CmaEs(Sampler):
    """CMA-ES with margin, for spaces of numbers; draws all other parameters at random."""

    name: ClassVar[str] = "cmaes"
    population: Annotated[
        int,
        Field(ge=0, le=100_000, description="size of a generation; 0: 4 + 3 ln(numbers)"),
    ] = 0

    def validate(self, context: StrategyContext) -> None:
        super().validate(context)
        try:
            import cmaes  # noqa: F401
        except ImportError:
            raise SettingsError(
                'cmaes: the package "cmaes" is not installed; run'
                ' pip install "study-nas[cmaes]", or take another sampler'
            ) from None
        numbers = _always_active_numbers(context.space)
        if len(numbers) < 2:  # one number has no covariance, and the package does not accept it
            found = ", ".join(number.name for number in numbers) or "none"
            raise SettingsError(
                "cmaes: needs at least 2 numeric parameters without 'when',"
                f" {context.space.name} has: {found}; take another sampler, such as auto"
            )

    def warnings(self, context: StrategyContext) -> tuple[str, ...]:
        numbers = _always_active_numbers(context.space)
        others = [p.name for p in context.space.parameters if p not in numbers]
        if not others:
            return ()
        return (f"cmaes: learns numbers only; drawn at random: {', '.join(others)}",)

    def build(self, context: StrategyContext) -> Strategy:
        return CmaEsStrategy(self, context)


class CmaEsStrategy:
    """Draws numbers from a normal distribution that follows the better half of a generation."""

    def __init__(self, options: CmaEs, context: StrategyContext) -> None:
        self._seed, self._population = context.seed, options.population
        self._numbers = _always_active_numbers(context.space)
        self._state = IncrementalState(start=self._begin, step=self._learn, copy=copy.deepcopy)

    def propose(self, history: History, rng: np.random.Generator) -> Proposal:
        optimizer = self._state.over(history.observations).optimizer
        optimizer.reseed_rng(int(rng.integers(2**31)))
        indices, raw = optimizer.ask()
        known: dict[str, Value] = {
            number.name: _value(number, float(position))
            for number, position in zip(self._numbers, indices, strict=True)
        }
        return Proposal(
            values=history.space.complete(known, rng),
            notes={
                "generation": int(optimizer.generation),
                "x": [round(float(x), DIGITS) for x in raw],
            },
        )

    def _begin(self) -> _Distribution:
        from cmaes import CMAwM

        count = len(self._numbers)
        return _Distribution(
            optimizer=CMAwM(
                mean=np.full(count, 0.5),
                sigma=SIGMA,
                bounds=np.tile([0.0, 1.0], (count, 1)),
                steps=np.array([_step(number) for number in self._numbers]),
                n_max_resampling=10 * count,
                seed=int(generator(self._seed, "cmaes").integers(2**31)),
                population_size=self._population or None,
            )
        )

    @staticmethod
    def _learn(state: _Distribution, observation: Observation) -> None:
        optimizer = state.optimizer
        if observation.notes.get("generation") != optimizer.generation:
            return  # not drawn here, or too late for its generation
        state.tried.append(observation)
        if len(state.tried) < optimizer.population_size:
            return
        ranked = sorted(state.tried, key=merit, reverse=True)
        optimizer.tell([(np.array(o.notes["x"]), float(rank)) for rank, o in enumerate(ranked)])
        state.tried.clear()


def _always_active_numbers(space: SearchSpace) -> tuple[Number, ...]:
    """Return the numeric parameters that every point has, with more than one value."""
    return tuple(
        p
        for p in space.parameters
        if isinstance(p, IntParameter | FloatParameter) and not p.when and p.low < p.high
    )


def _step(number: Number) -> float:
    """Return the distance of two values in units of the range; 0 for a continuous range."""
    if in_logarithm(number) or number.step is None:
        return 0.0
    count = len(number.values() or ())
    return 1.0 / (count - 1) if count > 1 else 0.0


def _value(number: Number, position: float) -> Value:
    """Return the value at a position in the range, 0 to 1; logarithmic if the range is wide."""
    low, high = float(number.low), float(number.high)
    if in_logarithm(number):
        return snap(number, low * math.exp(position * math.log(high / low)))
    values = number.values()
    last = float(values[-1]) if values else high
    return snap(number, low + position * (last - low))
