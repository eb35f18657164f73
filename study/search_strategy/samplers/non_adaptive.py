"""Samplers that do not learn: random search, grid search and quasi-random search.

Grid and quasi-random search walk through a sequence of points. The next point is the first one
that was not tried and is not in training. It follows from the history, without a counter, so a
restart continues where the study stopped, and the answer does not depend on which worker asks.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator
from typing import ClassVar

import numpy as np
from pydantic.dataclasses import dataclass

from study.common.errors import SettingsError
from study.search_space.candidate import Value, ValuesKey, values_key
from study.search_space.parameter import (
    AnyParameter,
    CategoricalParameter,
    IntParameter,
    grid_values,
)
from study.search_space.space import SearchSpace
from study.search_strategy.sampler import Identity, Sampler, StrategyContext
from study.search_strategy.strategy import (
    Exhausted,
    History,
    IncrementalState,
    Observation,
    Proposal,
    SequenceEnded,
    Strategy,
    generator,
)

GRID_LIMIT = 100_000
PATIENCE = 10_000
"""A Sobol' sequence ends after this many repeated or forbidden points in a row."""


@dataclass(frozen=True, kw_only=True)
class RandomSearch(Sampler):
    """Draws every parameter at random; the baseline (Bergstra & Bengio, JMLR 13, 2012)."""

    name: ClassVar[str] = "random"
    multi_objective: ClassVar[bool] = True

    def build(self, context: StrategyContext) -> Strategy:
        return self

    def propose(self, history: History, rng: np.random.Generator) -> Proposal:
        return Proposal(values=history.space.sample(rng))


@dataclass(frozen=True, kw_only=True)
class Grid(Sampler):
    """Tries every point of the grid once, in shuffled order."""

    name: ClassVar[str] = "grid"
    multi_objective: ClassVar[bool] = True
    fixed_sequence: ClassVar[bool] = True
    exhaustive: ClassVar[bool] = True

    def validate(self, context: StrategyContext) -> None:
        super().validate(context)
        space = context.space
        for parameter in space.parameters:
            if grid_values(parameter) is None:
                raise SettingsError(
                    f"grid: {parameter.name} has no countable values; give it 'step' or"
                    " 'grid_points' in the search space, or take another sampler"
                )
        size = space.size() or 0
        if size > GRID_LIMIT:
            raise SettingsError(
                f"grid: {space.name} has {size:,} points, more than {GRID_LIMIT:,}; coarsen it"
                " with 'step' or 'grid_points', or take another sampler"
            )

    def build(self, context: StrategyContext) -> Strategy:
        identity = context.candidate_identity()
        return FixedSequence(_shuffled(context), identity, whole="the grid")


@dataclass(frozen=True, kw_only=True)
class QuasiRandom(Sampler):
    """Follows a scrambled Sobol' sequence, which is spread more evenly than random points.

    Optuna's ``QMCSampler`` draws from the same sequence, but counts the drawn points in the
    storage and leaves conditional parameters out of it.
    """

    name: ClassVar[str] = "qmc"
    multi_objective: ClassVar[bool] = True
    fixed_sequence: ClassVar[bool] = True

    def build(self, context: StrategyContext) -> Strategy:
        return FixedSequence(sobol_points(context), context.candidate_identity())


class FixedSequence:
    """Proposes the points of a sequence, each once.

    A duplicate of a candidate in training is postponed while another point is left.

    Args:
        points: Read as far as needed.
        identity: Returns the id of a point's candidate; None where there are no duplicates.
        whole: Name of the complete set of points, such as ``the grid``, if the study ends with it.
    """

    def __init__(
        self, points: Iterable[dict[str, Value]], identity: Identity | None, *, whole: str = ""
    ) -> None:
        self._source, self._identity, self._whole = iter(points), identity, whole
        self._points: list[tuple[ValuesKey, dict[str, Value]]] = []
        self._tried = IncrementalState(start=set[ValuesKey], step=_add_key, copy=set)

    def propose(self, history: History, rng: np.random.Generator) -> Proposal:
        """Return the first point that was not tried and is not in training."""
        tried, identity = self._tried.over(history.observations), self._identity
        running = {values_key(values) for values in history.running}
        fresh = (v for key, v in self._walk() if key not in tried and key not in running)
        first = next(fresh, None)
        if first is None and self._whole:
            raise Exhausted(f"all {len(self._points):,} points of {self._whole} are done")
        if first is None:
            raise SequenceEnded
        if identity is None or not history.running:
            return Proposal(values=dict(first))
        busy = {identity(values) for values in history.running}
        free = (v for v in itertools.chain([first], fresh) if identity(v) not in busy)
        return Proposal(values=dict(next(free, first)))

    def _walk(self) -> Iterator[tuple[ValuesKey, dict[str, Value]]]:
        yield from self._points
        for values in self._source:
            self._points.append((values_key(values), values))
            yield self._points[-1]


def _add_key(tried: set[ValuesKey], observation: Observation) -> None:
    if observation.holds_here:  # a point known from another study only is still to be tried
        tried.add(values_key(observation.values))


def _shuffled(context: StrategyContext) -> Iterator[dict[str, Value]]:
    points = list(context.space.points())
    for index in generator(context.seed, "grid").permutation(len(points)):
        if context.allows(points[index]):
            yield points[index]


def sobol_points(context: StrategyContext) -> Iterator[dict[str, Value]]:
    """Yield the different allowed points of a scrambled Sobol' sequence (Owen 1998)."""
    from scipy.stats import qmc  # slow to load, and a list of the samplers does not need it

    seed = generator(context.seed, "sobol")
    engine = qmc.Sobol(len(context.space.parameters), scramble=True, seed=seed)
    seen: set[ValuesKey] = set()
    wasted = 0
    for exponent in [4, *range(4, 30)]:  # the sequence is balanced over powers of two
        for row in engine.random_base2(exponent):
            values = _point(context.space, row)
            key = values_key(values)
            if key not in seen and context.allows(values):
                wasted = 0
                yield values
            elif (wasted := wasted + 1) > PATIENCE:
                return
            seen.add(key)


def _point(space: SearchSpace, row: np.ndarray) -> dict[str, Value]:
    """Return the point at a position in the unit cube; inactive coordinates are not used."""
    values: dict[str, Value] = {}
    for parameter, share in zip(space.parameters, row, strict=True):
        if space.is_active(parameter, values):
            values[parameter.name] = _value_at(parameter, float(share))
    return values


def _value_at(parameter: AnyParameter, share: float) -> Value:
    """Return the value below which ``share`` of the parameter's distribution lies."""
    if isinstance(parameter, CategoricalParameter):
        return parameter.choices[int(share * len(parameter.choices))]
    if parameter.log:
        half = 0.5 if isinstance(parameter, IntParameter) else 0.0
        low, high = math.log(parameter.low - half), math.log(parameter.high + half)
        value = min(max(math.exp(low + share * (high - low)), parameter.low), parameter.high)
        return round(value) if isinstance(parameter, IntParameter) else value
    values = parameter.values()
    if values is None:
        return parameter.low + share * (parameter.high - parameter.low)
    return values[int(share * len(values))]
