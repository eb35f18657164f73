"""Tabular Q-learning over the sequence of choices, after MetaQNN (Baker et al., 1611.02167).

A point is built choice by choice, and finished trials are replayed many times. In the paper the
state is the parameter and the choice before it, and the reward passes back through the best next
value (Bellman). In spaces of fixed length, where every state can be reached from every other,
early choices get no credit before thousands of trials. The default form takes the reward itself as
the target of every step (Monte Carlo) and the parameter alone as the state, so that there are
fewer values to learn.

The reward is the trial's rank among the distinct candidates so far, so it works for any metric.
"""

from __future__ import annotations

import bisect
import dataclasses
import itertools
from collections.abc import Sequence
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from study.search_strategy.sampler import Sampler, StrategyContext
from study.search_strategy.samplers.discrete import DiscreteSpace, Step
from study.search_strategy.strategy import (
    History,
    IncrementalState,
    Merit,
    Observation,
    Proposal,
    Strategy,
    copy_fields,
    generator,
    merit,
    rank_quantile,
)

State = tuple[int, int, int]
"""Index of the parameter, index of the one before it and its choice; (-1, 0) for none."""
Path = tuple[tuple[State, int], ...]
"""The states of a trial, each with its choice."""
ActionValues = dict[State, list[float]]
"""For every known state, one value per choice."""

FIRST_VALUE = 0.5
"""Value of an untried choice (section 4.3): a reward in the middle of the range."""
DEFAULT_BUDGET = 100

Schedule = tuple[tuple[float, float], ...]
"""Pairs of used share of the budget and chance of a random choice, linear in between."""

SHORT: Schedule = ((0.1, 1.0), (0.5, 0.1))
"""Random for a tenth of the budget, then linearly less until half of it is used."""


_NETWORKS = (1500, 100, 100, 100, 150, 150, 150, 150, 150, 150)
PAPER: Schedule = tuple(
    (share, 1.0 - step / 10)
    for step, end in enumerate(itertools.accumulate(_NETWORKS))
    for share in ((end - _NETWORKS[step]) / 2700, end / 2700 - 1e-9)
)
"""Table 2 of the paper: of 2,700 networks, the first 1,500 are random."""


def chance_of_random(schedule: Schedule, spent: float) -> float:
    """Return the chance of a random choice at a used share of the budget."""
    shares, chances = zip(*schedule, strict=True)
    return float(np.interp(spent, shares, chances))


Order = Annotated[int, Field(ge=0, le=1, description="earlier choices in a state")]
Alpha = Annotated[float, Field(ge=0.0, le=1.0, description="step size")]


@dataclass(frozen=True, kw_only=True)
class QLearning(Sampler):
    """Q-learning over the sequence of choices, with Monte-Carlo returns."""

    name: ClassVar[str] = "q_learning"
    learns_policy: ClassVar[bool] = True
    schedule: ClassVar[Schedule] = SHORT
    alpha: Alpha = 0.1
    order: Order = 0
    replays: Annotated[int, Field(ge=0, le=100_000, description="trials replayed per trial")] = 100

    def build(self, context: StrategyContext) -> Strategy:
        return QLearningStrategy(self, context)

    def backup(self, values: ActionValues, path: Path, reward: float) -> None:
        """Move the value of every choice of a trial towards the trial's reward."""
        for state, choice in path:
            row = values[state]
            row[choice] += self.alpha * (reward - row[choice])


@dataclass(frozen=True, kw_only=True)
class MetaQnn(QLearning):
    """MetaQNN as published: Bellman backups; meant for thousands of trials."""

    name: ClassVar[str] = "q_learning:metaqnn"
    schedule: ClassVar[Schedule] = PAPER
    alpha: Alpha = 0.01
    order: Order = 1

    def backup(self, values: ActionValues, path: Path, reward: float) -> None:
        """Move each value, last choice first, towards the best value of the state that followed.

        Equation 3 of the paper with a discount of 1. Only the last choice gets the reward itself.
        """
        target = reward
        for state, choice in reversed(path):
            row = values[state]
            row[choice] += self.alpha * (target - row[choice])
            target = max(row)


@dataclasses.dataclass(slots=True, kw_only=True)
class _Memory:
    """The distinct candidates that were tried, and the value of each choice.

    Args:
        trials: Number of trials, duplicates included.
        tried: Path and merit of the first trial of each candidate, by identity.
        order: The merits in rising order.
    """

    trials: int = 0
    tried: dict[str, tuple[Path, Merit]] = dataclasses.field(default_factory=dict)
    order: list[Merit] = dataclasses.field(default_factory=list)
    values: ActionValues = dataclasses.field(default_factory=dict)

    def copy(self) -> _Memory:
        values = {state: row.copy() for state, row in self.values.items()}
        return dataclasses.replace(copy_fields(self), values=values)


class QLearningStrategy:
    """Chooses greedily, except for a falling share of random choices."""

    def __init__(self, options: QLearning, context: StrategyContext) -> None:
        self._space = DiscreteSpace(context.space)
        self._seed, self._options = context.seed, options
        self._memory = IncrementalState(start=_Memory, step=self._learn, copy=_Memory.copy)

    def propose(self, history: History, rng: np.random.Generator) -> Proposal:
        values = self.action_values(history.observations)
        epsilon = chance_of_random(self._options.schedule, _spent(history))
        taken: list[Step] = []

        def choose(node: int, count: int) -> int:
            row = values.get(_state(node, taken, self._options.order))
            if row is None or rng.random() < epsilon:
                choice = int(rng.integers(count))
            else:
                best = [c for c, value in enumerate(row) if value == max(row)]
                choice = best[int(rng.integers(len(best)))]
            taken.append(Step(node, choice))
            return choice

        return Proposal(values=self._space.walk(choose, rng), notes={"epsilon": round(epsilon, 6)})

    def action_values(self, observations: tuple[Observation, ...]) -> ActionValues:
        return self._memory.over(observations).values

    def _learn(self, memory: _Memory, observation: Observation) -> None:
        memory.trials += 1
        if observation.identity not in memory.tried:
            path = as_path(self._space.steps(observation.values), order=self._options.order)
            for state, _ in path:
                first = [FIRST_VALUE] * len(self._space.choices[state[0]])
                memory.values.setdefault(state, first)
            memory.tried[observation.identity] = path, merit(observation)
            bisect.insort(memory.order, merit(observation))
        known = list(memory.tried.values())
        rng = generator(self._seed, "replay", memory.trials)
        replayed = (known[i] for i in rng.integers(len(known), size=self._options.replays))
        for path, key in (memory.tried[observation.identity], *replayed):
            self._options.backup(memory.values, path, rank_quantile(key, memory.order))


def as_path(steps: Sequence[Step], *, order: int) -> Path:
    """Return the states of a sequence of decisions with the choice made in each."""
    return tuple(
        (_state(step.node, steps[:index], order), step.choice) for index, step in enumerate(steps)
    )


def _state(node: int, before: Sequence[Step], order: int) -> State:
    if order == 0 or not before:
        return (node, -1, 0)
    return (node, before[-1].node, before[-1].choice)


def _spent(history: History) -> float:
    """Return the used share of the budget; duplicates cost nothing."""
    trained = {o.candidate_id for o in history.observations if o.number >= 0}
    return (len(trained) + len(history.running)) / (history.budget or DEFAULT_BUDGET)
