"""``list``, ``report`` and ``best``: what a storage and its studies hold."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from study.cli.context import print_written
from study.cli.options import Storage, Study
from study.storage.opening import DEFAULT_URL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from study.report.study_summary import StudySummary
    from study.storage.records import TrialRecord


def list_studies(storage: Storage = DEFAULT_URL) -> int:
    """List the studies of a storage."""
    from study.report.listing import study_lines, study_list_text

    typer.echo(study_list_text(study_lines(storage), storage=storage), nl=False)
    return 0


def report(
    study: Study,
    format: Annotated[
        Literal["table", "json", "csv", "markdown"], typer.Option(help="Form of the output.")
    ] = "table",
    html: Annotated[Path | None, typer.Option(help="Write one self-contained page here.")] = None,
    figures: Annotated[Path | None, typer.Option(help="Write every figure into a folder.")] = None,
    figure_format: Annotated[
        Literal["svg", "png"], typer.Option(help="Form of the figures' files.")
    ] = "svg",
    storage: Storage = DEFAULT_URL,
) -> int:
    """Print all trials of a study, or write a page about it."""
    from study.report.study_summary import summarise_study, with_importance
    from study.storage.stored_study import load_trials

    stored, records = load_trials(study, storage)
    summary = summarise_study(stored, records)
    if html is not None:
        from study.common.atomic_write import write_text
        from study.report.html import to_html

        write_text(html, to_html(records, with_importance(stored, summary)))
        print_written([html])
    if figures is not None:
        from study.report.drawing import network_figure
        from study.report.figures import study_figures
        from study.report.figures.writing import write_figures

        network = network_figure(records, summary)
        found = study_figures(records, with_importance(stored, summary))
        drawn = [*filter(None, [network]), *found]
        print_written(write_figures(drawn, figures, form=figure_format))
    if html is None and figures is None:
        typer.echo(_formatted(format, records, summary), nl=False)
    return 0


def _formatted(format: str, records: Sequence[TrialRecord], summary: StudySummary) -> str:
    from study.report.after_search_account import after_search_words
    from study.report.csv_report import to_csv
    from study.report.json_report import to_json
    from study.report.markdown import to_markdown
    from study.report.table import as_text, leaderboard

    if format == "json":
        return to_json(records, summary)
    if format == "csv":
        return to_csv(records, summary)
    if format == "markdown":
        return to_markdown(records, summary)
    return as_text(leaderboard(records, summary), below=after_search_words(summary))


def best(study: Study, storage: Storage = DEFAULT_URL) -> int:
    """Print the best candidate of a study."""
    from study.report.listing import best_text
    from study.report.study_summary import summarise_study
    from study.storage.stored_study import load_trials

    stored, records = load_trials(study, storage)
    typer.echo(best_text(records, summarise_study(stored, records)), nl=False)
    return 0
