"""Tabular Q-learning over the sequence of choices, after MetaQNN (Baker et al., 1611.02167).

A point is built choice by choice; finished trials are replayed again and again. In the paper the
state is the place in the sequence and the choice before it, and the reward is passed back through
the best next value (Bellman). Where every state can be reached from every other, as in spaces of
fixed length, that gives early choices no credit before thousands of trials. The default form
takes the reward itself as the target of every step (Monte Carlo), and the place alone as state:
there are fewer values to learn.

The reward is the trial's rank among the distinct candidates so far, which suits any metric.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from study.search_strategy.sampler_spec import Chosen, StrategyContext
from study.search_strategy.samplers.discrete import DiscreteSpace, Step
from study.search_strategy.samplers.incremental_state import IncrementalState
from study.search_strategy.strategy import (
    History,
    Observation,
    Proposal,
    generator,
    merit,
)

State = tuple[int, int, int]
"""Parameter to choose for, parameter chosen before it and its choice; (-1, 0) for none."""
Path = tuple[tuple[State, int], ...]
"""The states of a trial, each with the choice made in it."""

FIRST_VALUE = 0.5
"""Value of what was never tried (section 4.3): a reward in the middle of the range."""

DEFAULT_BUDGET = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """Chance of a random choice, by the share of the budget that is spent.

    Args:
        points: Pairs of share and chance, in rising order; straight lines between them.
    """

    points: tuple[tuple[float, float], ...]

    def epsilon(self, spent: float) -> float:
        """Return the chance of a random choice."""
        shares, chances = zip(*self.points, strict=True)
        return float(np.interp(spent, shares, chances))


SHORT = Schedule(points=((0.1, 1.0), (0.5, 0.1)))
"""Random for a tenth of the budget, then less and less until the half."""


def _paper_schedule() -> Schedule:
    """Return table 2 of the paper: 2,700 networks, most of them at random."""
    counts = (1500, 100, 100, 100, 150, 150, 150, 150, 150, 150)
    points, spent = [], 0
    for step, count in enumerate(counts):
        chance = 1.0 - step / 10
        points += [(spent / 2700, chance), ((spent + count) / 2700 - 1e-9, chance)]
        spent += count
    return Schedule(points=tuple(points))


PAPER = _paper_schedule()


@dataclass(slots=True, kw_only=True)
class Memory:
    """What was tried, and what each choice is worth.

    Args:
        paths: The path of every distinct candidate, in the order of their first trials.
        merits: Merit of the first trial of each.
        order: The merits in rising order.
        index: Index of each candidate in ``paths``.
        trials: Trials so far, repeats included.
        values: For every state met so far, one number a choice.
    """

    paths: list[Path] = field(default_factory=list)
    merits: list[tuple[float, ...]] = field(default_factory=list)
    order: list[tuple[float, ...]] = field(default_factory=list)
    index: dict[str, int] = field(default_factory=dict)
    trials: int = 0
    values: dict[State, list[float]] = field(default_factory=dict)

    def reward(self, index: int) -> float:
        """Return the rank quantile of a candidate among all: 1 for the best, 0 for the worst."""
        if len(self.order) == 1:
            return FIRST_VALUE
        low = bisect.bisect_left(self.order, self.merits[index])
        high = bisect.bisect_right(self.order, self.merits[index])
        return (low + high - 1) / (2 * (len(self.order) - 1))

    def copy(self) -> Memory:
        """Return a copy that later steps do not change."""
        return Memory(
            paths=self.paths.copy(),
            merits=self.merits.copy(),
            order=self.order.copy(),
            index=self.index.copy(),
            trials=self.trials,
            values={state: row.copy() for state, row in self.values.items()},
        )


Backup = Callable[[dict[State, list[float]], Path, float, float], None]
"""Values, path, reward and step size: moves the values along one trial's path."""


def monte_carlo(values: dict[State, list[float]], path: Path, reward: float, alpha: float) -> None:
    """Move the value of every choice towards the trial's reward."""
    for state, choice in path:
        row = values[state]
        row[choice] += alpha * (reward - row[choice])


def bellman(values: dict[State, list[float]], path: Path, reward: float, alpha: float) -> None:
    """Move each value, last choice first, towards the best value of the state that followed.

    Equation 3 of the paper with a discount of 1; only the last choice sees the reward.
    """
    target = reward
    for state, choice in reversed(path):
        row = values[state]
        row[choice] += alpha * (target - row[choice])
        target = max(row)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """How Q-learning learns.

    Args:
        backup: How a reward is passed back.
        schedule: Chance of a random choice.
        order: How many choices before it a state remembers: 0 or 1.
        alpha: Step size.
        replays: Trials replayed after each new one, drawn from the distinct candidates.
    """

    backup: Backup
    schedule: Schedule
    order: int
    alpha: float
    replays: int


class QLearning:
    """Chooses greedily but for a falling share of random choices.

    Args:
        context: The study it is for.
        rule: How it learns.
    """

    def __init__(self, context: StrategyContext, rule: Rule) -> None:
        self._space = DiscreteSpace(context.space)
        self._seed, self._rule = context.seed, rule
        self._memory: IncrementalState[Memory] = IncrementalState(
            start=Memory, step=self._learn, copy=Memory.copy
        )

    def propose(self, history: History, rng: np.random.Generator) -> Proposal:
        """Return a path that is greedy but for random choices."""
        values = self.action_values(history.observations)
        epsilon = self._rule.schedule.epsilon(_spent(history))
        taken: list[Step] = []

        def choose(node: int, count: int) -> int:
            row = values.get(_state(node, taken, self._rule.order))
            if row is None or rng.random() < epsilon:
                choice = int(rng.integers(count))
            else:
                best = [c for c, value in enumerate(row) if value == max(row)]
                choice = best[int(rng.integers(len(best)))]
            taken.append(Step(node=node, choice=choice))
            return choice

        return Proposal(values=self._space.walk(choose, rng), notes={"epsilon": round(epsilon, 6)})

    def action_values(self, observations: tuple[Observation, ...]) -> dict[State, list[float]]:
        """Return what each choice is worth after these observations."""
        return self._memory.over(observations).values

    def _learn(self, memory: Memory, observation: Observation) -> None:
        rule, newest = self._rule, self._remember(memory, observation)
        rng = generator(self._seed, "replay", memory.trials)
        replayed = rng.integers(len(memory.paths), size=rule.replays)
        for index in (newest, *replayed.tolist()):
            rule.backup(memory.values, memory.paths[index], memory.reward(index), rule.alpha)

    def _remember(self, memory: Memory, observation: Observation) -> int:
        """Return the index of the observation's candidate, kept if it is new."""
        memory.trials += 1
        identity = observation.candidate_id or f"trial {observation.number}"
        if identity in memory.index:
            return memory.index[identity]
        path = as_path(self._space.steps(observation.values), order=self._rule.order)
        for state, _ in path:
            if state not in memory.values:
                count = len(self._space.choices[state[0]])
                memory.values[state] = [FIRST_VALUE] * count
        memory.index[identity] = len(memory.paths)
        memory.paths.append(path)
        memory.merits.append(merit(observation))
        bisect.insort(memory.order, memory.merits[-1])
        return memory.index[identity]


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
    """Return the share of the budget that is spent; twins cost nothing."""
    trained = {o.candidate_id for o in history.observations if o.number >= 0}
    return (len(trained) + len(history.running)) / (history.budget or DEFAULT_BUDGET)


def q_learning(context: StrategyContext, chosen: Chosen) -> QLearning:
    """Return the form that learns within a hundred trials."""
    return QLearning(context, _rule(chosen, monte_carlo, SHORT))


def metaqnn(context: StrategyContext, chosen: Chosen) -> QLearning:
    """Return the paper's form."""
    return QLearning(context, _rule(chosen, bellman, PAPER))


def _rule(chosen: Chosen, backup: Backup, schedule: Schedule) -> Rule:
    return Rule(
        backup=backup,
        schedule=schedule,
        order=int(chosen["order"]),
        alpha=float(chosen["alpha"]),
        replays=int(chosen["replays"]),
    )
