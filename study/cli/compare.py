"""Commands that ask how well samplers search: compare."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from study.cli.context import default_workers
from study.cli.options import Quiet, Storage, Workers
from study.common.errors import SettingsError
from study.common.stop import INTERRUPTED, Stop
from study.storage.opening import DEFAULT_URL

if TYPE_CHECKING:
    from study.benchmarking.games import GameKey

TRIALS, REPEATS = 100, 30
TOLD_SECONDS = 2.0
"""A line of progress so often, where a terminal does not show every game in one line."""


def compare(
    stop: Stop,
    studies: Annotated[
        list[str] | None, typer.Argument(help="Stored studies to put side by side.")
    ] = None,
    table: Annotated[
        str | None, typer.Option(help="A shipped table, or a .npz file; see docs/benchmarks.md.")
    ] = None,
    samplers: Annotated[
        str | None, typer.Option(help="As tpe,evolution; random is always among them.")
    ] = None,
    trials: Annotated[
        int | None, typer.Option(min=1, help=f"Trainings in each game; {TRIALS} by default.")
    ] = None,
    repeats: Annotated[
        int | None, typer.Option(min=2, help=f"Seeds, paired; {REPEATS} by default.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="The first seed; 0 by default.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of games and results; named after the table.")
    ] = None,
    workers: Workers = None,
    storage: Storage = DEFAULT_URL,
    quiet: Quiet = False,
) -> int:
    """Compare samplers on a table over paired seeds, or stored studies with one another."""
    if table is None:
        given = (samplers, trials, repeats, seed, out, workers)
        return _compare_studies(studies or [], storage, alone=all(v is None for v in given))
    if studies:
        raise SettingsError("compare: give studies or --table, not both")
    if samplers is None:
        from study.search_strategy.registry import SAMPLERS

        raise SettingsError(f"--samplers: write some of {', '.join(SAMPLERS)}")
    asked = (trials or TRIALS, repeats or REPEATS, seed or 0)
    return _compare_on_table(
        table, samplers, asked, out=out, workers=workers, quiet=quiet, stop=stop
    )


def _compare_on_table(
    table: str,
    samplers: str,
    asked: tuple[int, int, int],
    *,
    out: Path | None,
    workers: int | None,
    quiet: bool,
    stop: Stop,
) -> int:
    from study.benchmarking.contest import hold_match
    from study.benchmarking.match import folder_of, make_match
    from study.report.compare_text import comparison_text, times_text

    trials, repeats, seed = asked
    match = make_match(table, samplers, trials=trials, repeats=repeats, seed=seed)
    folder = folder_of(match, out)
    progress = _Progress(quiet=quiet)
    outcome = hold_match(
        match,
        folder,
        workers=workers or default_workers(),
        stop=stop,
        told=progress.told,
        say=lambda text: typer.echo(f"note: {text}", err=True),
    )
    progress.close()
    if outcome is None:
        typer.echo(
            f"interrupted; the games played so far are kept in {folder},"
            " and the same command goes on from there",
            err=True,
        )
        return INTERRUPTED
    typer.echo(comparison_text(outcome.comparison))
    order = [result.sampler for result in outcome.comparison.results]
    typer.echo(times_text(outcome.asks, samplers=order), nl=False)
    for path in outcome.files:
        typer.echo(f"wrote {path}", err=True)
    return 0


def _compare_studies(names: list[str], storage: str, *, alone: bool) -> int:
    from study.benchmarking.studies import Told, compare_studies
    from study.report.compare_studies_text import studies_text
    from study.storage.stored_study import load_trials

    if not alone:
        raise SettingsError("compare: --table is missing; the other options belong to it")
    if len(set(names)) < 2:
        raise SettingsError("compare: name two studies or more, or give --table and --samplers")
    told = []
    for name in dict.fromkeys(names):
        stored, records = load_trials(name, storage)
        digest = str(stored.data.get("sha256", ""))
        told.append(Told(settings=stored.settings, digest=digest, records=records))
    typer.echo(studies_text(compare_studies(told)), nl=False)
    return 0


class _Progress:
    """Tells on stderr how many games are played: in one line, or in a line now and then."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet, self._one_line = quiet, sys.stderr.isatty()
        self._start = self._last = time.monotonic()
        self._begun: int | None = None

    def told(self, key: GameKey, done: int, games: int) -> None:
        """Tell of a game that is over."""
        now = time.monotonic()
        if self._begun is None:
            self._begun = done - 1
        often = self._one_line or now - self._last >= TOLD_SECONDS or done == games
        if self._quiet or not often:
            return
        self._last = now
        left = (now - self._start) / (done - self._begun) * (games - done)
        text = f"[{done}/{games}] {key.sampler}, seed {key.seed}; about {left:.0f} s left"
        start, end = ("\r", "\033[K") if self._one_line else ("", "\n")
        sys.stderr.write(f"{start}{text}{end}")
        sys.stderr.flush()

    def close(self) -> None:
        """End the line."""
        if self._one_line and self._begun is not None and not self._quiet:
            sys.stderr.write("\n")
