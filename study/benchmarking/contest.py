"""A match from its first game to its files; cut off at any moment, it goes on from there."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from study.benchmarking.games import DIGITS, GameFile
from study.benchmarking.match import Match, Told, play_missing, stale_games
from study.benchmarking.summary import Comparison, median_asks, summarise
from study.common.atomic_write import write_text
from study.common.errors import StudyError
from study.common.numbers import decimals
from study.common.stop import Stop
from study.report.compare_figure import regret_svg
from study.report.compare_text import comparison_text
from study.storage.locks import FileLock

TEXT, CURVES, FIGURE = "comparison.txt", "regret.csv", "regret.svg"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a match came to.

    Args:
        comparison: What it says.
        asks: Median seconds of an ask of each sampler, and how many were measured.
        files: What was written.
    """

    comparison: Comparison
    asks: dict[str, tuple[float, int]]
    files: tuple[Path, ...]


def hold_match(
    match: Match,
    folder: Path,
    *,
    workers: int,
    stop: Stop,
    told: Told,
    say: Callable[[str], None],
) -> Outcome | None:
    """Play what is missing, then write what all games say.

    Args:
        match: What is played.
        folder: Where games and results are kept.
        workers: Processes.
        stop: The wish to stop.
        told: Called after every game.
        say: Called with what the user should know.

    Returns:
        None where a stop was asked for; the games played so far are kept.

    Raises:
        StudyError: The folder cannot be used, or a game cannot be played.
    """
    with _alone(folder):
        kept = GameFile(folder)
        if stale := stale_games(match, kept):
            say(f"{len(stale)} games were played by other code; they are played again")
            kept.forget(stale)
        try:
            whole = play_missing(match, kept, workers=workers, stop=stop, told=told)
        finally:
            kept.put_in_order()
        if not whole:
            return None
        comparison = summarise(match, kept.games)
        return Outcome(
            comparison=comparison,
            asks=median_asks(match, kept.asks),
            files=_write(comparison, folder),
        )


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the folder for this process.

    Raises:
        StudyError: Another one has it, or it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"{folder}: cannot be made a folder ({error.strerror}); name another with --out"
        raise StudyError(message) from error
    lock = FileLock(folder / ".lock")
    if not lock.try_acquire():
        raise StudyError(f"{folder}: another comparison is at work there; wait, or --out another")
    try:
        yield
    finally:
        lock.release()


def _write(comparison: Comparison, folder: Path) -> tuple[Path, ...]:
    contents = {
        TEXT: comparison_text(comparison),
        CURVES: _csv(comparison),
        FIGURE: regret_svg(comparison),
    }
    for name, content in contents.items():
        write_text(folder / name, content)
    return tuple(folder / name for name in contents)


def _csv(comparison: Comparison) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("sampler", "trial", "mean", "low", "high"))
    for result in comparison.results:
        curve = result.curve
        for trial, row in enumerate(zip(curve.mean, curve.low, curve.high, strict=True), start=1):
            writer.writerow((result.sampler, trial, *(_kept(number) for number in row)))
    return out.getvalue()


def _kept(number: float) -> str:
    return f"{number:.{decimals(number, DIGITS)}f}"
