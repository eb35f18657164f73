"""One game: a study on a table, in memory, with the candidates that a stored study would draw."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata
from pathlib import Path

import numpy as np

from study.performance_estimation.tabular.table import BenchmarkTable
from study.running.candidate_source.sampled_source import SampledSource
from study.search_space.candidate import Values
from study.search_strategy.registry import parse_sampler
from study.search_strategy.sampler import StrategyContext
from study.search_strategy.strategy import Exhausted, History, Proposal, Strategy
from study.settings.metrics import MEASURES
from study.storage.lifecycle import StudyState
from study.storage.records import TrialRecord

ROUNDING = 1e-12
"""Largest rounding error of a difference of means, as a share of the largest mean."""

CODE = (
    "search_strategy",
    "search_space",
    "running/candidate_source",
    "transfer/results.py",
    "benchmarking/game.py",
    "common/choices.py",
)
"""Folders and files that decide what is played."""
LIBRARIES = ("optuna", "numpy", "scipy", "torch")
"""Libraries that samplers compute with. Another version may give another proposal."""


@lru_cache(maxsize=1)
def playing_code() -> str:
    """Return 12 hex digits that change with the code that plays and its libraries."""
    package = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256()
    for name in CODE:
        path = package / name
        for source in [path] if path.is_file() else sorted(path.rglob("*.py")):
            digest.update(str(source.relative_to(package)).encode() + b"\0")
            digest.update(source.read_bytes() + b"\0")
    for library in LIBRARIES:
        digest.update(f"{library} {metadata.version(library)}\0".encode())
    return digest.hexdigest()[:12]


@dataclass(frozen=True, slots=True, kw_only=True)
class Game:
    """The result of one game.

    Args:
        regret: After each training: the best true value of the table minus the true value of the
            trial that looks best so far. In percentage points, or in the unit of the table.
        best: After each training: the best observed value.
        cost: After each training: the sum of the costs so far.
        ask: Seconds of each proposal of the sampler, those of duplicates included.
    """

    regret: tuple[float, ...]
    best: tuple[float, ...]
    cost: tuple[float, ...]
    ask: tuple[float, ...]


def play(table: BenchmarkTable, sampler: str, *, trials: int, seed: int) -> Game:
    """Play a sampler on a table.

    One column of the table, ``seed`` modulo their number, gives the results of all candidates of
    a game, as in the published regrets of NAS-Bench-Macro. A table therefore has as many
    realisations of the noise as columns, and games whose seeds differ by that number share one.
    The trials of a stored study take the column of their own ``training_seed`` instead.

    Args:
        sampler: As given to ``--sampler``.
        trials: Number of trainings; the game has fewer if the table has fewer candidates.
    """
    context = StrategyContext(space=table.space, budget=trials, identity=table.identity, seed=seed)
    strategy = _Timed(parse_sampler(sampler).make(context))
    points = _Points(table)
    source = SampledSource(
        points=points,
        space=table.space,
        strategy=strategy,
        seed=seed,
        budget=trials,
        measures=(MEASURES["accuracy"],),  # only says that larger is better
    )
    trained: list[int] = []
    duplicates: list[int] = []
    latest: dict[int, TrialRecord] = {}
    while len(trained) < min(trials, len(points.distinct)):
        state = StudyState(
            latest=latest,
            finished=tuple(trained),
            duplicates=tuple(duplicates),
            running=(),
            to_repeat=(),
            next_index=len(latest),
        )
        try:
            drawn = source.next(state)
        except Exhausted:
            break
        assert drawn is not None  # None waits for a running trial, and there is none
        (trained if drawn.duplicate is None else duplicates).append(len(latest))
        latest[len(latest)] = TrialRecord(
            number=len(latest),
            state="complete",
            objectives=(table.value(drawn.values, seed=seed),),
            params=drawn.values,
            draw=drawn.draw,
            candidate_id=drawn.candidate_id,
            reused_from=None if drawn.duplicate is None else drawn.duplicate.number,
        )
    rows = np.array([table.row(latest[index].params) for index in trained], dtype=int)
    return _scored(table, rows, seed=seed, ask=strategy.seconds)


class _Points:
    """The points of a table as the candidate source needs them."""

    def __init__(self, table: BenchmarkTable) -> None:
        self.identify = table.identity
        self.distinct: dict[str, Values] = {}
        for number, values in zip(table.twins.tolist(), table.points, strict=True):
            self.distinct.setdefault(str(int(number)), values)

    def allows(self, values: Values) -> bool:
        return True  # a table has every point


class _Timed:
    """A strategy that measures how long its proposals take."""

    def __init__(self, strategy: Strategy) -> None:
        self._strategy = strategy
        self.seconds: list[float] = []

    def propose(self, history: History, rng: np.random.Generator) -> Proposal:
        start = time.perf_counter()
        proposal = self._strategy.propose(history, rng)
        self.seconds.append(time.perf_counter() - start)
        return proposal


def _scored(table: BenchmarkTable, rows: np.ndarray, *, seed: int, ask: list[float]) -> Game:
    observed = table.values[rows, seed % table.seeds]
    best = np.maximum.accumulate(observed)
    # of equal results, the first stays the one that looks best
    new = np.flatnonzero(np.append(True, best[1:] > best[:-1]))
    leader = rows[new[np.searchsorted(new, np.arange(len(rows)), side="right") - 1]]
    true_values = table.true_values * table.to_points
    regret = true_values.max() - true_values[leader]
    regret[regret < ROUNDING * np.abs(true_values).max()] = 0.0
    return Game(
        regret=tuple(regret.tolist()),
        best=tuple(best.tolist()),
        cost=tuple(np.cumsum(table.cost[rows]).tolist()),
        ask=tuple(ask),
    )
