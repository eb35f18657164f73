"""``compare``: samplers on a table over paired seeds, or stored studies."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from study.cli.command import print_notes, print_written
from study.cli.options import Quiet, Storage, Workers, default_workers
from study.common.errors import SettingsError
from study.common.stop import INTERRUPTED, Stop
from study.search_strategy.registry import SAMPLERS
from study.storage.url import DEFAULT_URL

if TYPE_CHECKING:
    from study.benchmarking.games import GameKey
    from study.benchmarking.table_comparison import TableComparison

TRIALS, REPEATS = 100, 30
PROGRESS_SECONDS = 2.0
"""Seconds between two lines of progress where stderr is no terminal."""


def compare(
    stop: Stop,
    studies: Annotated[list[str] | None, typer.Argument(help="Stored studies to compare.")] = None,
    table: Annotated[
        str | None, typer.Option(help="A shipped table, or a .npz file; see docs/benchmarks.md.")
    ] = None,
    samplers: Annotated[
        str | None,
        typer.Option(help=f"Some of {', '.join(SAMPLERS)}; random is always among them."),
    ] = None,
    trials: Annotated[
        int | None, typer.Option(min=1, help=f"Trainings in each game; by default, {TRIALS}.")
    ] = None,
    repeats: Annotated[
        int | None, typer.Option(min=2, help=f"Paired seeds; by default, {REPEATS}.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="The first seed; by default, 0.")] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of games and results; by default, named after the table."),
    ] = None,
    workers: Workers = None,
    storage: Storage = DEFAULT_URL,
    quiet: Quiet = False,
) -> int:
    """Compare samplers on a table over paired seeds, or stored studies with one another."""
    if table is None:
        for_table = (samplers, trials, repeats, seed, out, workers)
        if any(value is not None for value in for_table):
            raise SettingsError("compare: --table is missing; the other options belong to it")
        return _compare_studies(studies or [], storage)
    if studies:
        raise SettingsError("compare: give studies or --table, not both")
    if samplers is None:
        raise SettingsError(f"--samplers: write some of {', '.join(SAMPLERS)}")

    from study.benchmarking.match import make_match, play_match

    match = make_match(
        table, samplers, trials=trials or TRIALS, repeats=repeats or REPEATS, seed=seed or 0
    )
    folder = out or Path(f"comparison-{match.table.name}-{match.trials}")
    progress = _Progress(quiet=quiet)
    comparison = play_match(
        match,
        folder,
        workers=workers or default_workers(),
        stop=stop,
        on_game=progress.show,
        note=lambda text: print_notes([text]),
    )
    progress.close()
    if comparison is None:
        typer.echo(
            f"interrupted; the games played so far are kept in {folder},"
            " and the same command continues from there",
            err=True,
        )
        return INTERRUPTED
    _write_and_print(comparison, folder)
    return 0


def _write_and_print(comparison: TableComparison, folder: Path) -> None:
    from pydantic import TypeAdapter

    from study.benchmarking.table_comparison import TableComparison
    from study.common.atomic_write import write_text
    from study.report.benchmarking import (
        curves_csv,
        table_comparison_document,
        table_comparison_section,
        times_table,
    )
    from study.report.html import render_html
    from study.report.terminal import print_report, render_text

    times = {"results": {"__all__": {"ask", "asks"}}}  # they differ from run to run
    as_json = TypeAdapter(TableComparison).dump_json(comparison, indent=2, exclude=times)
    section = table_comparison_section(comparison)
    files = {
        "comparison.txt": render_text(section),
        "comparison.json": as_json.decode() + "\n",
        "regret.csv": curves_csv(comparison),
        "comparison.html": render_html(table_comparison_document(comparison)),
    }
    for name, content in files.items():
        write_text(folder / name, content)
    print_report(section, times_table(comparison))
    print_written(folder / name for name in files)


def _compare_studies(names: list[str], storage: str) -> int:
    from study.benchmarking.study_comparison import compare_studies
    from study.report.benchmarking import study_comparison_section
    from study.report.terminal import print_report
    from study.storage.stored_study import load_trials

    if len(set(names)) < 2:
        raise SettingsError("compare: name two studies or more, or give --table and --samplers")
    studies = [load_trials(name, storage) for name in dict.fromkeys(names)]
    print_report(study_comparison_section(compare_studies(studies)))
    return 0


class _Progress:
    """Shows on stderr how many games are played: in one line, or in a line every two seconds."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet, self._one_line = quiet, sys.stderr.isatty()
        self._start = self._last = time.monotonic()
        self._before: int | None = None

    def show(self, key: GameKey, done: int, games: int) -> None:
        """Show that a game is over."""
        now = time.monotonic()
        if self._before is None:
            self._before = done - 1
        due = self._one_line or now - self._last >= PROGRESS_SECONDS or done == games
        if self._quiet or not due:
            return
        self._last = now
        left = (now - self._start) / (done - self._before) * (games - done)
        text = f"[{done}/{games}] {key.sampler}, seed {key.seed}; about {left:.0f} s left"
        start, end = ("\r", "\033[K") if self._one_line else ("", "\n")
        sys.stderr.write(f"{start}{text}{end}")
        sys.stderr.flush()

    def close(self) -> None:
        """End the line."""
        if self._one_line and self._before is not None and not self._quiet:
            sys.stderr.write("\n")
