"""NSGA-II (Deb et al. 2002): a population for several objectives at once.

The better half of parents and children lives on: whole fronts first, of the last one those that
lie far from their neighbours. Children take each parameter from one of two parents, and mutate.

Optuna's ``NSGAIISampler`` knows the parameters that all trials share and draws every conditional
one anew for each child; here a child inherits those too. A population of fifty, its default, is
one generation or two of a small study, so ours is a tenth of the budget.
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
from study.search_strategy.samplers.incremental_state import IncrementalState
from study.search_strategy.strategy import History, Observation, Proposal, Strategy, rank_quantiles

Array = np.ndarray

GENERATIONS = 10
SMALLEST, LARGEST, USUAL = 10, 50, 20
"""Bounds of the population, and its size where the budget is not known."""
CROSSOVER = 0.9
"""Chance that a child has two parents (section IV of the paper)."""
TRIES = 20
"""Mutations before a child that was seen before is let through."""


@dataclasses.dataclass(slots=True, kw_only=True)
class _Generation:
    """Those that live, and those that wait for the next selection.

    Args:
        parents: The selected; none before the first selection.
        order: Front and crowding of each parent, smaller is better.
        children: Distinct candidates tried since.
        known: Every candidate and every point seen so far.
    """

    parents: tuple[Observation, ...] = ()
    order: tuple[tuple[int, float], ...] = ()
    children: tuple[Observation, ...] = ()
    candidates: set[str] = dataclasses.field(default_factory=set)
    points: set[ValuesKey] = dataclasses.field(default_factory=set)

    def copy(self) -> _Generation:
        return _Generation(
            parents=self.parents,
            order=self.order,
            children=self.children,
            candidates=self.candidates.copy(),
            points=self.points.copy(),
        )


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
        """Return NSGA-II."""
        return Nsga2Strategy(self, context)


class Nsga2Strategy:
    """Crosses and mutates parents from the best fronts."""

    def __init__(self, options: Nsga2, context: StrategyContext) -> None:
        self._population = options.population or population_for(context.budget)
        self._state: IncrementalState[_Generation] = IncrementalState(
            start=_Generation, step=self._learn, copy=_Generation.copy
        )

    def propose(self, history: History, rng: np.random.Generator) -> Proposal:
        """Return a random point in the first generation, then a child."""
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
        name = observation.candidate_id or f"trial {observation.number}"
        if name in state.candidates:
            return
        state.candidates.add(name)
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
    """Return each value from one of two points; those that one alone has are all taken."""
    merged: dict[str, Value] = {}
    for name in dict.fromkeys((*a, *b)):
        first, second = (a, b) if rng.random() < 0.5 else (b, a)
        merged[name] = first[name] if name in first else second[name]
    return merged


def mutate(space: SearchSpace, values: Values, rng: np.random.Generator) -> dict[str, Value]:
    """Return a point with one value in expectation drawn anew, and what it makes active."""
    kept = {name: value for name, value in values.items() if rng.random() >= 1 / len(values)}
    return space.complete(kept, rng)


def vectors(observations: Sequence[Observation]) -> Array:
    """Return what is compared, larger is better, shape (n, objectives); failed ones are -inf.

    Of one objective it is the rank, in which pruned trials have a place.
    """
    count = max((len(o.scores) for o in observations), default=1)
    if count <= 1:
        return np.array(rank_quantiles(observations))[:, None]
    worst = (-np.inf,) * count
    return np.array([o.scores if o.outcome == "complete" else worst for o in observations])


def selection_order(scores: Array) -> list[tuple[int, float]]:
    """Return front (0 is dominated by none) and minus crowding distance of each, by rows."""
    front = fronts(scores)
    distance = np.zeros(len(scores))
    for number in set(front.tolist()):
        members = np.flatnonzero(front == number)
        distance[members] = crowding(scores[members])
    return [(int(f), -float(d)) for f, d in zip(front, distance, strict=True)]


def fronts(scores: Array) -> Array:
    """Return the number of each row's front, shape (n,)."""
    better = (scores[:, None] >= scores[None]).all(axis=2)
    dominates = better & (scores[:, None] > scores[None]).any(axis=2)
    front = np.full(len(scores), -1)
    number = 0
    while (left := front < 0).any():
        dominated = (dominates & left[:, None]).any(axis=0)
        front[left & ~dominated] = number
        number += 1
    return front


def crowding(scores: Array) -> Array:
    """Return each row's distance between its two neighbours, summed over objectives, (n,).

    Objectives are scaled to their range within the front; its ends are infinitely far.
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
