"""Local search by first improvement (White et al., 2004.08996).

The search starts at the best of a few random points and moves to the first better point among
those that differ in one choice. If none is better, it starts again at a random point.

Neighbours are tried in shuffled order, but a change that failed recently comes after changes that
were not tried or failed longer ago (after Bentley's don't-look bits, 1992). A change that did not
improve a point seldom improves the next one, which differs in one choice.
"""

from __future__ import annotations

import dataclasses
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from study.search_space.candidate import Value, Values, ValuesKey, values_key
from study.search_space.parameter import same_value
from study.search_strategy.sampler import Sampler, StrategyContext
from study.search_strategy.samplers.discrete import DiscreteSpace
from study.search_strategy.strategy import (
    History,
    IncrementalState,
    Observation,
    Proposal,
    Strategy,
    generator,
    merit,
)

CENTRE, RESTART = "centre", "restart"
Change = tuple[str, bool, Value]
"""A parameter, whether its new value is a bool, and the value; ``True`` is not ``1``."""


@dataclass(frozen=True, kw_only=True)
class LocalSearch(Sampler):
    """Local search: climbs by single changes, from random points."""

    name: ClassVar[str] = "local_search"
    start: Annotated[
        int, Field(ge=1, le=100_000, description="random points before the first climb")
    ] = 10

    def build(self, context: StrategyContext) -> Strategy:
        return LocalSearchStrategy(self, context)


@dataclasses.dataclass(slots=True, kw_only=True)
class _Climb:
    """The state of the search.

    Args:
        seen: Number of observations.
        centre: The point whose neighbours are tried.
        failed: For each change, the value of ``seen`` when it last brought no improvement.
    """

    seen: int = 0
    centre: Observation | None = None
    tried: set[ValuesKey] = dataclasses.field(default_factory=set)
    failed: dict[Change, int] = dataclasses.field(default_factory=dict)


class LocalSearchStrategy:
    """Climbs from point to point by single changes."""

    def __init__(self, options: LocalSearch, context: StrategyContext) -> None:
        self._space = DiscreteSpace(context.space)
        self._seed, self._start, self._allows = context.seed, options.start, context.allows
        self._climb = IncrementalState(start=_Climb, step=self._learn)

    def propose(self, history: History, rng: np.random.Generator) -> Proposal:
        """Return an untried neighbour of the centre, or a random point to start from."""
        climb = self._climb.over(history.observations)
        centre = climb.centre
        if centre is None or climb.seen < self._start:
            return Proposal(values=self._space.sample(rng))
        running = {values_key(values) for values in history.running}
        around = self._neighbours(centre)
        failed = [climb.failed.get(_change(centre.values, point), -1) for point in around]
        shuffled = rng.permutation(len(around)).tolist()
        for index in sorted(shuffled, key=lambda i: failed[i]):
            point = around[index]
            key = values_key(point)
            if key not in climb.tried and key not in running and self._allows(point):
                return Proposal(values=point, notes={CENTRE: centre.number})
        return Proposal(values=self._space.sample(rng), notes={RESTART: centre.number})

    def _neighbours(self, centre: Observation) -> list[dict[str, Value]]:
        """Return the points around a centre, the same at every call."""
        rng = generator(self._seed, "neighbours", abs(centre.number))
        return list(self._space.neighbours(centre.values, rng))

    @staticmethod
    def _learn(climb: _Climb, observation: Observation) -> None:
        climb.seen += 1
        if observation.holds_here:
            climb.tried.add(values_key(observation.values))
        centre = climb.centre
        if (
            centre is None
            or merit(observation) > merit(centre)
            # if several workers run out of neighbours together, the first to finish restarts
            or observation.notes.get(RESTART) == centre.number
        ):
            climb.centre = observation
        elif observation.notes.get(CENTRE) == centre.number:
            climb.failed[_change(centre.values, observation.values)] = climb.seen


def _change(before: Values, after: Values) -> Change:
    """Return the first value that differs; what it makes active comes after it."""
    for name, value in after.items():
        if name not in before or not same_value(before[name], value):
            return (name, isinstance(value, bool), value)
    return ("", False, False)
