"""A match: every sampler on the same seeds of one table, with several games in parallel.

A match that is interrupted at any moment continues from the games in its folder.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.synchronize import Event
from pathlib import Path

import filelock

from study.benchmarking.game import Game, play, playing_code
from study.benchmarking.games import GameFile, GameKey
from study.benchmarking.table_comparison import TableComparison, summarise
from study.common.choices import split_choices
from study.common.errors import StudyError
from study.common.stop import Stop
from study.performance_estimation.tabular.table import BenchmarkTable
from study.performance_estimation.tabular.table_file import load_table
from study.search_strategy.registry import parse_sampler
from study.search_strategy.sampler import StrategyContext

BASELINE = "random"
POLL_SECONDS = 0.2

OnGame = Callable[[GameKey, int, int], None]
"""Called after each game with its key, the number of games played, and the number in total."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Samplers that play a table, each with every seed.

    Args:
        path: The table's file, or the name of a shipped table.
        samplers: As given to ``--sampler``, with the baseline.
        trials: Number of trainings of each game.
    """

    path: str
    table: BenchmarkTable
    samplers: tuple[str, ...]
    trials: int
    seeds: tuple[int, ...]

    def game_keys(self, sampler: str | None = None) -> list[GameKey]:
        """Return the keys of a sampler's games, or of all games, seed by seed."""
        return [
            GameKey(
                sampler=name,
                seed=seed,
                trials=self.trials,
                table=self.table.digest,
                code=playing_code(),
            )
            for seed in self.seeds
            for name in self.samplers
            if sampler in (None, name)
        ]


def make_match(path: str, samplers: str, *, trials: int, repeats: int, seed: int) -> Match:
    """Return the match that the command line asks for, with the baseline added.

    Args:
        path: The table's file, or the name of a shipped table.
        samplers: Names with their options, as ``tpe,n_startup_trials=5,evolution``.
        seed: The first seed.

    Raises:
        StudyError: The table cannot be read, or a sampler cannot play it.
    """
    table = load_table(path)
    names = split_choices(samplers, flag="--samplers", example="tpe,evolution")
    players = names if BASELINE in names else (BASELINE, *names)
    for sampler in players:
        parse_sampler(sampler).validate(
            StrategyContext(space=table.space, budget=trials, identity=table.identity)
        )
    seeds = tuple(range(seed, seed + repeats))
    return Match(path=path, table=table, samplers=players, trials=trials, seeds=seeds)


def play_match(
    match: Match,
    folder: Path,
    *,
    workers: int,
    stop: Stop,
    on_game: OnGame,
    note: Callable[[str], None],
) -> TableComparison | None:
    """Play the missing games and return the comparison; None if a stop was requested.

    Args:
        folder: Where games are kept.
        workers: Number of processes.
        note: Called with what the user should know.

    Raises:
        StudyError: The folder cannot be used, or a game cannot be played.
    """
    with _exclusive(folder):
        kept = GameFile(folder)
        if stale := _stale(match, kept.games):
            note(f"{len(stale)} games were played by other code; they are played again")
            for key in stale:
                del kept.games[key]
        try:
            _play_missing(match, kept, workers=workers, stop=stop, on_game=on_game)
        finally:
            kept.put_in_order()
        if not kept.games.keys() >= set(match.game_keys()):
            return None
        games = {
            sampler: [kept.games[key] for key in match.game_keys(sampler)]
            for sampler in match.samplers
        }
        return summarise(match.table, games, trials=match.trials, seeds=match.seeds)


@contextmanager
def _exclusive(folder: Path) -> Iterator[None]:
    """Lock the folder for this process."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"{folder}: cannot be created ({error.strerror}); choose another with --out"
        raise StudyError(message) from error
    try:
        lock = filelock.FileLock(folder / ".lock").acquire(timeout=0)
    except filelock.Timeout as error:
        message = f"{folder}: another comparison uses it; wait, or choose another with --out"
        raise StudyError(message) from error
    with lock:
        yield


def _stale(match: Match, kept: Iterable[GameKey]) -> list[GameKey]:
    """Return the games of this match that were played by other code."""
    wanted = {(key.sampler, key.seed, key.trials, key.table) for key in match.game_keys()}
    return [
        key
        for key in kept
        if key.code != playing_code() and (key.sampler, key.seed, key.trials, key.table) in wanted
    ]


def _play_missing(
    match: Match, kept: GameFile, *, workers: int, stop: Stop, on_game: OnGame
) -> None:
    """Play the missing games until a stop is requested; each is kept when it ends."""
    keys = match.game_keys()
    missing = [key for key in keys if key not in kept.games]
    if not missing:
        return
    with _pool(match.path, workers=min(workers, len(missing)), stop=stop) as pool:
        started = {pool.submit(_play, match.path, key): key for key in missing}
        pending: set[Future[Game]] = set(started)
        while pending and not stop():
            ended, pending = wait(pending, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED)
            for future in ended:
                key = started[future]
                kept.add(key, _result(future, key))
                on_game(key, sum(key in kept.games for key in keys), len(keys))


def _result(future: Future[Game], key: GameKey) -> Game:
    try:
        return future.result()
    except BrokenProcessPool as error:
        raise StudyError(
            f"the process that played {key.sampler} with seed {key.seed} died; the games played so"
            " far are kept. Run the same command again (with fewer --workers if memory is short)"
        ) from error


@contextmanager
def _pool(path: str, *, workers: int, stop: Stop) -> Iterator[ProcessPoolExecutor]:
    """Yield processes that end when a stop is requested, or when this process has ended."""
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
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C
    threading.Thread(target=_watch, args=(parent, leave), daemon=True).start()
    load_table(path)


def _watch(parent: int, leave: Event) -> None:
    while not leave.wait(POLL_SECONDS):
        if os.getppid() != parent:
            break
    os._exit(1)


def _play(path: str, key: GameKey) -> Game:
    return play(load_table(path), key.sampler, trials=key.trials, seed=key.seed)
