"""The games of a match → what is told of them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from study.benchmarking.games import Game, GameKey
from study.benchmarking.match import Match
from study.common.numbers import Form, form_of
from study.statistics.ranks import Array, Band, areas, band
from study.statistics.significance import Pair, pairwise

MILESTONES = (10, 20, 50, 100, 200, 500, 1000, 2000, 5000)


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplerResult:
    """What one sampler reached.

    Args:
        sampler: As given.
        curve: Mean regret after each trial, with its band.
        area: Mean regret of all trials, with its band, shape (1,).
    """

    sampler: str
    curve: Band
    area: Band


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What a match came to.

    Args:
        table: Name of the table.
        points: Rows of the table.
        candidates: Distinct candidates among them.
        in_points: Whether regrets are in percentage points; else in the table's own unit.
        trials: Trainings in each game.
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
    def form(self) -> Form:
        """How its regrets are told."""
        return form_of(self.largest, in_points=self.in_points)

    @property
    def largest(self) -> float:
        """The largest mean regret."""
        return max(float(result.curve.mean.max()) for result in self.results)

    @property
    def milestones(self) -> tuple[int, ...]:
        """Numbers of trials that are told, the last one always among them."""
        return (*(n for n in MILESTONES if n < self.trials), self.trials)


def summarise(match: Match, games: Mapping[GameKey, Game]) -> Comparison:
    """Return what a match came to, all its games played."""
    curves = {
        sampler: _curves([games[match.key(sampler, seed)] for seed in match.seeds], match.trials)
        for sampler in match.samplers
    }
    results = [
        SamplerResult(sampler=sampler, curve=band(rows), area=band(areas(rows)[:, None]))
        for sampler, rows in curves.items()
    ]
    table = match.table
    return Comparison(
        table=table.name,
        points=len(table.values),
        candidates=len(np.unique(table.twins)),
        in_points=table.unit != "number",
        trials=match.trials,
        seeds=match.seeds,
        results=tuple(sorted(results, key=lambda result: float(result.area.mean[0]))),
        at_the_end=pairwise({sampler: rows[:, -1] for sampler, rows in curves.items()}),
        over_all=pairwise({sampler: areas(rows) for sampler, rows in curves.items()}),
    )


def _curves(games: Sequence[Game], trials: int) -> Array:
    """Return the regrets, (seeds, trials); a game that ran out of candidates stays as it ended."""
    rows = np.empty((len(games), trials))
    for row, game in zip(rows, games, strict=True):
        row[: len(game.regret)] = game.regret
        row[len(game.regret) :] = game.regret[-1]
    return rows


def median_asks(
    match: Match, asks: Mapping[GameKey, Sequence[float]]
) -> dict[str, tuple[float, int]]:
    """Return the median seconds of an ask of each sampler, and how many were measured."""
    found = {}
    for sampler in match.samplers:
        keys = [match.key(sampler, seed) for seed in match.seeds]
        measured = [second for key in keys for second in asks.get(key, ())]
        if measured:
            found[sampler] = (float(np.median(measured)), len(measured))
    return found
