"""The result of a match: regret curves of its samplers, and tests between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from pydantic.dataclasses import dataclass

from study.benchmarking.game import Game
from study.performance_estimation.tabular.table import BenchmarkTable
from study.statistics.ranks import Array, MeanCurve, areas, mean_curve
from study.statistics.significance import Pair, pairwise

MILESTONES = (10, 20, 50, 100, 200, 500, 1000, 2000, 5000)


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplerResult:
    """The result of one sampler.

    Args:
        curve: Regret after each trial.
        area: Mean regret of all trials; one number.
        ask: Median seconds of a proposal; None if the times are lost.
        asks: Number of proposals that were timed.
    """

    sampler: str
    curve: MeanCurve
    area: MeanCurve
    ask: float | None = None
    asks: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TableComparison:
    """The result of a match.

    Args:
        points: Number of rows of the table.
        candidates: Number of distinct candidates among them.
        in_points: Whether regrets are in percentage points; else in the unit of the table.
        trials: Number of trainings of each game.
        seeds: Seeds that every sampler played.
        results: The samplers, the smallest area first.
        at_the_end: Tests of the regret after the last trial.
        over_all: Tests of the areas.
    """

    table: str
    points: int
    candidates: int
    in_points: bool
    trials: int
    seeds: tuple[int, ...]
    results: tuple[SamplerResult, ...]
    at_the_end: tuple[Pair, ...]
    over_all: tuple[Pair, ...]

    @property
    def largest(self) -> float:
        """The largest mean regret."""
        return max(max(result.curve.mean) for result in self.results)

    @property
    def milestones(self) -> tuple[int, ...]:
        """Numbers of trials that a table shows; the last one is always among them."""
        return (*(n for n in MILESTONES if n < self.trials), self.trials)


def summarise(
    table: BenchmarkTable,
    games: Mapping[str, Sequence[Game]],
    *,
    trials: int,
    seeds: tuple[int, ...],
) -> TableComparison:
    """Return the result of a match.

    Args:
        games: Games of every sampler, in the order of the seeds.
    """
    regrets = {sampler: _regrets(played, trials) for sampler, played in games.items()}
    results = [_result(sampler, games[sampler], rows) for sampler, rows in regrets.items()]
    return TableComparison(
        table=table.name,
        points=len(table.values),
        candidates=len(np.unique(table.twins)),
        in_points=table.unit != "number",
        trials=trials,
        seeds=seeds,
        results=tuple(sorted(results, key=lambda result: result.area.mean[0])),
        at_the_end=pairwise({sampler: rows[:, -1] for sampler, rows in regrets.items()}),
        over_all=pairwise({sampler: areas(rows) for sampler, rows in regrets.items()}),
    )


def _regrets(games: Sequence[Game], trials: int) -> Array:
    """Return the regrets, (seeds, trials); a game that ended early keeps its last regret."""
    rows = np.empty((len(games), trials))
    for row, game in zip(rows, games, strict=True):
        row[: len(game.regret)] = game.regret
        row[len(game.regret) :] = game.regret[-1]
    return rows


def _result(sampler: str, games: Sequence[Game], regrets: Array) -> SamplerResult:
    seconds = [second for game in games for second in game.ask]
    return SamplerResult(
        sampler=sampler,
        curve=mean_curve(regrets),
        area=mean_curve(areas(regrets)[:, None]),
        ask=float(np.median(seconds)) if seconds else None,
        asks=len(seconds),
    )
