"""Every sampler on the same seeds of one table: the games that are missing, played in parallel."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.synchronize import Event
from pathlib import Path

from study.benchmarking.games import GameFile, GameKey
from study.benchmarking.play import Played, play
from study.benchmarking.playing_code import playing_code
from study.common.errors import SettingsError, StudyError
from study.common.stop import Stop
from study.performance_estimation.tabular.table import BenchmarkTable
from study.performance_estimation.tabular.table_file import load_table
from study.search_strategy.registry import parse_sampler
from study.search_strategy.sampler import StrategyContext

BASELINE = "random"
LOOK_SECONDS = 0.2

Told = Callable[[GameKey, int, int], None]
"""Called after every game with its key, how many are played, and how many there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Samplers that play a table, each with every seed.

    Args:
        path: The table's file, or the name of a shipped table.
        table: The table.
        samplers: As given to ``--sampler``; the baseline is one of them.
        trials: Trainings in each game.
        seeds: Seeds, the same for every sampler.
    """

    path: str
    table: BenchmarkTable
    samplers: tuple[str, ...]
    trials: int
    seeds: tuple[int, ...]

    def games(self) -> list[GameKey]:
        """Return the games, seed by seed, so that what is played so far can be paired."""
        return [self.key(sampler, seed) for seed in self.seeds for sampler in self.samplers]

    def key(self, sampler: str, seed: int) -> GameKey:
        """Return the key of one game."""
        return GameKey(
            sampler=sampler,
            seed=seed,
            trials=self.trials,
            table=self.table.digest,
            code=playing_code(),
        )


def make_match(path: str, samplers: str, *, trials: int, repeats: int, seed: int) -> Match:
    """Return the match that the command line asks for; the baseline is added.

    Args:
        path: The table's file, or the name of a shipped table.
        samplers: Names with their options, as ``tpe,n_startup_trials=5,evolution``.
        trials: Trainings in each game.
        repeats: Number of seeds.
        seed: The first of them.

    Raises:
        StudyError: The table cannot be read, or a sampler cannot play it.
    """
    table = load_table(path)
    named = split_samplers(samplers)
    players = named if BASELINE in named else (BASELINE, *named)
    for sampler in players:
        parse_sampler(sampler).validate(
            StrategyContext(space=table.space, budget=trials, identity=table.identity)
        )
    return Match(
        path=path,
        table=table,
        samplers=players,
        trials=trials,
        seeds=tuple(range(seed, seed + repeats)),
    )


def split_samplers(text: str) -> tuple[str, ...]:
    """Return the samplers of a list; ``key=value`` belongs to the name before it.

    Raises:
        SettingsError: A name is missing or given twice.
    """
    found: list[str] = []
    for part in (part.strip() for part in text.split(",")):
        if not part or ("=" in part and not found):
            raise SettingsError(f"--samplers {text}: a name is missing; write tpe,evolution")
        if "=" in part:
            found[-1] += f",{part}"
        else:
            found.append(part)
    if twice := next((name for name in found if found.count(name) > 1), None):
        raise SettingsError(f"--samplers {text}: {twice} is named twice")
    return tuple(found)


def stale_games(match: Match, kept: GameFile) -> list[GameKey]:
    """Return games of this match that other code has played."""
    wanted = {(key.sampler, key.seed, key.trials, key.table) for key in match.games()}
    return [
        key
        for key in kept.games
        if key.code != playing_code() and (key.sampler, key.seed, key.trials, key.table) in wanted
    ]


def play_missing(match: Match, kept: GameFile, *, workers: int, stop: Stop, told: Told) -> bool:
    """Play what is missing, every game kept as soon as it is over.

    Returns:
        Whether all games are played; False where a stop was asked for.

    Raises:
        StudyError: A game cannot be played, or its process died.
    """
    keys = match.games()
    missing = [key for key in keys if key not in kept.games]
    if not missing:
        return True
    with _pool(match.path, workers=min(workers, len(missing)), stop=stop) as pool:
        begun = {pool.submit(_play, match.path, key): key for key in missing}
        for future in _as_they_end(begun, stop):
            kept.add(begun[future], _result(future, begun[future]))
            told(begun[future], sum(key in kept.games for key in keys), len(keys))
    return all(key in kept.games for key in keys)


def _as_they_end(
    futures: Sequence[Future[Played]] | dict[Future[Played], GameKey], stop: Stop
) -> Iterator[Future[Played]]:
    pending = set(futures)
    while pending and not stop():
        ended, pending = wait(pending, timeout=LOOK_SECONDS, return_when=FIRST_COMPLETED)
        yield from ended


def _result(future: Future[Played], key: GameKey) -> Played:
    try:
        return future.result()
    except BrokenProcessPool as error:
        raise StudyError(
            f"the process that played {key.sampler} with seed {key.seed} died; what was played is"
            " kept, run the same command again (with fewer --workers where memory is short)"
        ) from error


@contextmanager
def _pool(path: str, *, workers: int, stop: Stop) -> Iterator[ProcessPoolExecutor]:
    """Yield processes that leave when a stop is asked for, or when this process is gone."""
    context = multiprocessing.get_context("spawn")
    leave = context.Event()
    before = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = "1"  # one thread a game, so that sums do not depend on cores
    pool = ProcessPoolExecutor(
        workers, mp_context=context, initializer=_begin, initargs=(path, os.getpid(), leave)
    )
    try:
        yield pool
    finally:
        if stop():
            leave.set()
        pool.shutdown(wait=True, cancel_futures=True)
        if before is None:
            del os.environ["OMP_NUM_THREADS"]
        else:
            os.environ["OMP_NUM_THREADS"] = before


def _begin(path: str, parent: int, leave: Event) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to hear
    threading.Thread(target=_watch, args=(parent, leave), daemon=True).start()
    load_table(path)


def _watch(parent: int, leave: Event) -> None:
    while not leave.wait(LOOK_SECONDS):
        if os.getppid() != parent:
            break
    os._exit(1)


def _play(path: str, key: GameKey) -> Played:
    return play(load_table(path), key.sampler, trials=key.trials, seed=key.seed)


def folder_of(match: Match, out: Path | None) -> Path:
    """Return where a match is kept: as asked for, or under a name of its own."""
    return out or Path(f"comparison-{match.table.name}-{match.trials}")
