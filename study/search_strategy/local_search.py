"""Local search by first improvement (White et al., 2004.08996, and the folklore before them).

From the best of a few random points go to the first better one among those that differ in one
choice; where none is better, start again from a random point.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from study.search_space.candidate import Value
from study.search_space.point import PointKey, point_key
from study.search_strategy.discrete import DiscreteSpace
from study.search_strategy.fold import Fold
from study.search_strategy.history import (
    History,
    Observation,
    Proposal,
    generator,
    merit,
)
from study.search_strategy.sampler_spec import Chosen, Setup

RESTART = "restart"


@dataclass(slots=True, kw_only=True)
class _Climb:
    """How far the search has come.

    Args:
        seen: Observations so far.
        centre: The point whose neighbours are tried.
        tried: Every point tried so far.
    """

    seen: int = 0
    centre: Observation | None = None
    tried: set[PointKey] = field(default_factory=set)

    def copy(self) -> _Climb:
        return replace(self, tried=self.tried.copy())


class LocalSearch:
    """Climbs from point to point by single changes.

    Args:
        setup: The study it is for.
        start: Random points before the first climb.
    """

    def __init__(self, setup: Setup, *, start: int) -> None:
        self._space = DiscreteSpace(setup.space)
        self._seed, self._start, self._allows = setup.seed, start, setup.allows
        self._climb: Fold[_Climb] = Fold(start=_Climb, step=self._learn, copy=_Climb.copy)

    def propose(self, history: History, rng: np.random.Generator) -> Proposal:
        """Return an untried neighbour of the centre, or a random point to start from."""
        climb = self._climb.over(history.observations)
        if climb.centre is None or climb.seen < self._start:
            return Proposal(values=self._space.sample(rng))
        running = {point_key(values) for values in history.running}
        around = self._neighbours(climb.centre)
        for index in rng.permutation(len(around)):  # anew for every draw, so all are alike likely
            key = point_key(around[index])
            if key not in climb.tried and key not in running and self._allows(around[index]):
                return Proposal(values=around[index], notes={"centre": climb.centre.number})
        return Proposal(values=self._space.sample(rng), notes={RESTART: climb.centre.number})

    def _neighbours(self, centre: Observation) -> list[dict[str, Value]]:
        """Return the points around a centre, the same at every call."""
        rng = generator(self._seed, "neighbours", abs(centre.number))
        return list(self._space.neighbours(centre.values, rng))

    @staticmethod
    def _learn(climb: _Climb, observation: Observation) -> None:
        climb.seen += 1
        if observation.holds_here:
            climb.tried.add(point_key(observation.values))
        centre = climb.centre
        if centre is None or merit(observation) > merit(centre) or _restarts(observation, centre):
            climb.centre = observation


def _restarts(observation: Observation, centre: Observation) -> bool:
    """Tell whether a trial was drawn as the next start after ``centre``.

    Of several workers that ran out of neighbours together, only the first to finish starts anew.
    """
    return observation.notes.get(RESTART) == centre.number


def local_search(setup: Setup, chosen: Chosen) -> LocalSearch:
    """Return local search."""
    return LocalSearch(setup, start=int(chosen["start"]))
