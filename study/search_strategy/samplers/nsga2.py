"""NSGA-II (Deb et al. 2002): a population for several objectives at once.

The better half of parents and children survives: whole fronts first, then from the last front the
members that are far from their neighbours. A child takes each parameter from one of two parents,
and mutates.

Optuna's ``NSGAIISampler`` models the parameters that all trials share and draws every conditional
one again for each child. Here a child inherits those too. Optuna's default population of fifty is
one or two generations of a small study, so the default here is a tenth of the budget.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from study.search_space.candidate import Value, Values, ValuesKey, values_key
from study.search_space.space import SearchSpace
from study.search_strategy.sampler import Sampler, StrategyContext
from study.search_strategy.strategy import (
    History,
    IncrementalState,
    Observation,
    Proposal,
    Strategy,
    rank_quantiles,
)
from study.statistics.ranks import front_ranks

Array = np.ndarray

GENERATIONS = 10
SMALLEST, LARGEST, USUAL = 10, 50, 20
"""Bounds of the population, and its size where there is no budget."""
CROSSOVER = 0.9
"""Probability that a child has two parents (section IV of the paper)."""
TRIES = 20
"""Mutations tried for a child that was not seen before."""


@dataclass(frozen=True, kw_only=True)
class Nsga2(Sampler):
    """NSGA-II: a population along the Pareto front of several objectives."""

    name: ClassVar[str] = "nsga2"
    multi_objective: ClassVar[bool] = True
    population: Annotated[
        int,
        Field(ge=0, le=100_000, description="size of a generation; 0: a tenth of the budget"),
    ] = 0

    def build(self, context: StrategyContext) -> Strategy:
        return Nsga2Strategy(self, context)


@dataclasses.dataclass(slots=True, kw_only=True)
class _Generation:
    """The selected parents with their order, their children, and everything tried so far."""

    parents: tuple[Observation, ...] = ()
    order: tuple[tuple[int, float], ...] = ()
    children: tuple[Observation, ...] = ()
    candidates: set[str] = dataclasses.field(default_factory=set)
    points: set[ValuesKey] = dataclasses.field(default_factory=set)


class Nsga2Strategy:
    """Crosses and mutates parents from the best fronts."""

    def __init__(self, options: Nsga2, context: StrategyContext) -> None:
        self._population = options.population or population_for(context.budget)
        self._state = IncrementalState(start=_Generation, step=self._learn)

    def propose(self, history: History, rng: np.random.Generator) -> Proposal:
        state, space = self._state.over(history.observations), history.space
        if not state.parents:
            return Proposal(values=space.sample(rng))
        mother, father = (state.parents[_tournament(state.order, rng)] for _ in range(2))
        crossed = mother.values
        if rng.random() < CROSSOVER:
            crossed = cross(mother.values, father.values, rng)
        running = {values_key(values) for values in history.running}
        for _ in range(TRIES):
            child = mutate(space, space.complete(crossed, rng), rng)
            if (key := values_key(child)) not in state.points and key not in running:
                break
        return Proposal(values=child, notes={"parents": [mother.number, father.number]})

    def _learn(self, state: _Generation, observation: Observation) -> None:
        if observation.holds_here:
            state.points.add(values_key(observation.values))
        if observation.identity in state.candidates:
            return
        state.candidates.add(observation.identity)
        state.children += (observation,)
        if len(state.children) == self._population:
            everyone = (*state.parents, *state.children)
            order = selection_order(vectors(everyone))
            ranked = sorted(range(len(everyone)), key=lambda i: (order[i], i))[: self._population]
            state.parents = tuple(everyone[i] for i in ranked)
            state.order = tuple(order[i] for i in ranked)
            state.children = ()


def population_for(budget: int | None) -> int:
    """Return the size of a generation for which the budget has about ten."""
    return USUAL if budget is None else min(max(budget // GENERATIONS, SMALLEST), LARGEST)


def cross(a: Values, b: Values, rng: np.random.Generator) -> dict[str, Value]:
    """Return each value from one of two points, and every value that only one of them has."""
    merged: dict[str, Value] = {}
    for name in dict.fromkeys((*a, *b)):
        first, second = (a, b) if rng.random() < 0.5 else (b, a)
        merged[name] = first[name] if name in first else second[name]
    return merged


def mutate(space: SearchSpace, values: Values, rng: np.random.Generator) -> dict[str, Value]:
    """Return a point with one value in expectation drawn again, and what becomes active."""
    kept = {name: value for name, value in values.items() if rng.random() >= 1 / len(values)}
    return space.complete(kept, rng)


def vectors(observations: Sequence[Observation]) -> Array:
    """Return the scores to compare, shape (n, objectives); failed trials are -inf.

    With one objective it is the rank, because pruned trials have a rank too.
    """
    count = max((len(o.scores) for o in observations), default=1)
    if count <= 1:
        return np.array(rank_quantiles(observations))[:, None]
    worst = (-np.inf,) * count
    return np.array([o.scores if o.outcome == "complete" else worst for o in observations])


def selection_order(scores: Array) -> list[tuple[int, float]]:
    """Return front rank and minus crowding distance of each row; smaller is better."""
    fronts = front_ranks(scores)
    distance = np.zeros(len(scores))
    for rank in set(fronts.tolist()):
        members = np.flatnonzero(fronts == rank)
        distance[members] = crowding(scores[members])
    return [(int(f), -float(d)) for f, d in zip(fronts, distance, strict=True)]


def crowding(scores: Array) -> Array:
    """Return the distance between each row's two neighbours, summed over objectives.

    Objectives are scaled to their range within the front. Its ends have an infinite distance.
    """
    distance = np.zeros(len(scores))
    if not np.isfinite(scores).all():
        return distance
    for column in scores.T:
        order = np.argsort(column, kind="stable")
        spread = column[order[-1]] - column[order[0]]
        distance[order[[0, -1]]] = np.inf
        if spread > 0:
            distance[order[1:-1]] += (column[order[2:]] - column[order[:-2]]) / spread
    return distance


def _tournament(order: Sequence[tuple[int, float]], rng: np.random.Generator) -> int:
    """Return the better of two members drawn at random."""
    a, b = (int(i) for i in rng.integers(len(order), size=2))
    return a if (order[a], a) <= (order[b], b) else b
