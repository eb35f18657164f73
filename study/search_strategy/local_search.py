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
        self._seed, self._start = setup.seed, start
        self._climb: Fold[_Climb] = Fold(start=_Climb, step=self._learn, copy=_Climb.copy)

    def propose(self, history: History, rng: np.random.Generator) -> Proposal:
        """Return an untried neighbour of the centre, or a random point to start from."""
        climb = self._climb.over(history.observations)
        if climb.centre is None or climb.seen < self._start:
            return Proposal(values=self._space.sample(rng))
        taken = climb.tried | {point_key(values) for values in history.running}
        fresh = [p for p in self._neighbours(climb.centre) if point_key(p) not in taken]
        if not fresh:
            return Proposal(values=self._space.sample(rng), notes={RESTART: True})
        # uniformly among the rest, draw by draw, is a shuffled order
        return Proposal(
            values=fresh[int(rng.integers(len(fresh)))], notes={"centre": climb.centre.number}
        )

    def _neighbours(self, centre: Observation) -> list[dict[str, Value]]:
        """Return the points around a centre, the same at every call."""
        rng = generator(self._seed, "neighbours", abs(centre.number))
        return list(self._space.neighbours(centre.values, rng))

    @staticmethod
    def _learn(climb: _Climb, observation: Observation) -> None:
        climb.seen += 1
        climb.tried.add(point_key(observation.values))
        centre = climb.centre
        if centre is None or RESTART in observation.notes or merit(observation) > merit(centre):
            climb.centre = observation


def local_search(setup: Setup, chosen: Chosen) -> LocalSearch:
    """Return local search."""
    return LocalSearch(setup, start=int(chosen["start"]))
