"""One study on a table, in memory: the semantics of a real study, without its storage.

A candidate that was trained before is not trained again: its result is reused, the sampler
learns from it, and it costs no budget. After twenty repeats in a row the next candidate is drawn
at random among those that were never tried.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from study.performance_estimation.tabular.table import BenchmarkTable
from study.search_space.candidate import Values
from study.search_strategy.registry import parse_sampler
from study.search_strategy.sampler import StrategyContext
from study.search_strategy.strategy import (
    Exhausted,
    History,
    Observation,
    Proposal,
    Strategy,
    generator,
)

MAX_REPEATS = 20
RESIDUE = 1e-12
"""What rounding leaves of two equal means, as a share of the largest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What a study on a table came to.

    Args:
        regret: After each training, in percentage points, the best true value of the table less
            the true value of the trial that looks best so far.
        best: After each training, the best observed value.
        cost: After each training, what all trainings so far have cost.
        ask: Seconds each proposal took, those of repeats included.
    """

    regret: tuple[float, ...]
    best: tuple[float, ...]
    cost: tuple[float, ...]
    ask: tuple[float, ...]


def play(table: BenchmarkTable, sampler: str, *, trials: int, seed: int) -> Played:
    """Play a sampler on a table.

    One column of the table, ``seed`` modulo their number, answers for every candidate of a game,
    as NAS-Bench-Macro's published regrets have it. So a table has as many realisations of noise
    as seeds, and games a multiple of it apart meet the same one. A stored study's trials take the
    column of their own training seed instead (``training_seed``), each candidate another.

    Args:
        table: The table.
        sampler: As given to ``--sampler``.
        trials: Trainings; fewer where the table has fewer candidates.
        seed: The study's seed.
    """
    context = StrategyContext(space=table.space, budget=trials, identity=table.identity, seed=seed)
    return _Game(table, parse_sampler(sampler).make(context), trials=trials, seed=seed).play()


class _Game:
    """A study in progress.

    Args:
        table: The table.
        strategy: What proposes.
        trials: Trainings at most.
        seed: The study's seed.
    """

    def __init__(
        self, table: BenchmarkTable, strategy: Strategy, *, trials: int, seed: int
    ) -> None:
        self._table, self._strategy = table, strategy
        self._trials, self._seed = trials, seed
        self._observations: list[Observation] = []
        self._trained: dict[str, int] = {}  # in the order of training: candidate → row
        self._repeats = 0
        self._ask: list[float] = []

    def play(self) -> Played:
        """Return what became of the study."""
        distinct = len(set(self._table.twins.tolist()))
        while len(self._trained) < min(self._trials, distinct):
            try:
                proposal = self._propose()
            except Exhausted:
                break
            self._observe(proposal)
        return self._outcome()

    def _propose(self) -> Proposal:
        sequence_index = len(self._observations)
        if self._repeats >= MAX_REPEATS:
            return Proposal(values=dict(self._unvisited(sequence_index)))
        history = History(
            space=self._table.space,
            observations=tuple(self._observations),
            sequence_index=sequence_index,
            budget=self._trials,
        )
        start = time.perf_counter()
        proposal = self._strategy.propose(
            history, generator(self._seed, "draw", sequence_index, 0)
        )
        self._ask.append(time.perf_counter() - start)
        return proposal

    def _unvisited(self, sequence_index: int) -> Values:
        visited = [self._table.twins[row] for row in self._trained.values()]
        left = np.flatnonzero(~np.isin(self._table.twins, visited))
        chosen = generator(self._seed, "unvisited", sequence_index).integers(len(left))
        return self._table.points[int(left[chosen])]

    def _observe(self, proposal: Proposal) -> None:
        identity = self._table.identity(proposal.values)
        self._repeats = self._repeats + 1 if identity in self._trained else 0
        self._trained.setdefault(identity, self._table.row(proposal.values))
        self._observations.append(
            Observation(
                number=len(self._observations),
                values=proposal.values,
                outcome="complete",
                scores=(self._table.value(proposal.values, seed=self._seed),),
                candidate_id=identity,
                notes=proposal.notes,
            )
        )

    def _outcome(self) -> Played:
        rows = np.fromiter(self._trained.values(), dtype=int)
        observed = self._table.values[rows, self._seed % self._table.values.shape[1]]
        best = np.maximum.accumulate(observed)
        # the first trial to reach the best stays the one that looks best
        new = np.flatnonzero(np.append(True, best[1:] > best[:-1]))
        leader = rows[new[np.searchsorted(new, np.arange(len(rows)), side="right") - 1]]
        worth = self._table.true_values * self._table.to_points
        regret = worth.max() - worth[leader]
        regret[regret < RESIDUE * np.abs(worth).max()] = 0.0
        return Played(
            regret=tuple(float(r) for r in regret),
            best=tuple(float(b) for b in best),
            cost=tuple(float(c) for c in np.cumsum(self._table.cost[rows])),
            ask=tuple(self._ask),
        )
