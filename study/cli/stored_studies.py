"""``list``, ``report``, ``best``, ``replay``, ``dashboard`` and ``delete``: stored studies."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from study.cli.command import print_notes, print_written
from study.cli.options import Artifacts, Storage, Study
from study.common.errors import StorageError
from study.storage.url import DEFAULT_URL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from study.report.study_summary import StudySummary
    from study.storage.records import TrialRecord

Format = Literal["table", "json", "csv", "markdown"]
Wide = Annotated[
    bool, typer.Option("--wide", help="Show every column, whatever the terminal's width.")
]


def list_studies(storage: Storage = DEFAULT_URL, wide: Wide = False) -> int:
    """List the studies of a storage."""
    from study.report.terminal import print_report
    from study.report.trial_document import study_list

    print_report(study_list(storage), wide=wide)
    return 0


def report(
    study: Study,
    format: Annotated[Format, typer.Option(help="Form of the output.")] = "table",
    wide: Wide = False,
    html: Annotated[Path | None, typer.Option(help="Write one self-contained page here.")] = None,
    figures: Annotated[Path | None, typer.Option(help="Write every figure into a folder.")] = None,
    figure_format: Annotated[
        Literal["svg", "png"], typer.Option(help="Form of the figures' files.")
    ] = "svg",
    storage: Storage = DEFAULT_URL,
) -> int:
    """Print all trials of a study, or write a page about it."""
    from study.report.study_summary import summarise_study
    from study.storage.stored_study import load_trials

    stored, records = load_trials(study, storage)
    summary = summarise_study(stored, records)
    if html is None and figures is None:
        _print(format, records, summary, wide=wide)
        return 0
    from study.common.atomic_write import write_text
    from study.report.figures import study_figures
    from study.report.figures.writing import write_figures
    from study.report.html import render_html
    from study.report.importance import with_importance
    from study.report.network_drawing import network_figure
    from study.report.study_document import study_document

    summary = with_importance(stored, summary)
    drawing = network_figure(records, summary)
    drawn = [*([drawing] if drawing else []), *study_figures(records, summary)]
    if html is not None:
        write_text(html, render_html(study_document(records, summary, figures=drawn)))
        print_written([html])
    if figures is not None:
        print_written(write_figures(drawn, figures, form=figure_format))
    return 0


def _print(
    format: Format, records: Sequence[TrialRecord], summary: StudySummary, *, wide: bool
) -> None:
    from study.report.data_formats import render_csv, render_json
    from study.report.markdown import render_markdown
    from study.report.study_document import study_document, terminal_report
    from study.report.terminal import print_report

    if format == "table":
        print_report(*terminal_report(records, summary), wide=wide)
    elif format == "json":
        typer.echo(render_json(records, summary), nl=False)
    elif format == "csv":
        typer.echo(render_csv(records, summary), nl=False)
    else:
        typer.echo(render_markdown(study_document(records, summary)), nl=False)


def best(study: Study, storage: Storage = DEFAULT_URL) -> int:
    """Print the best candidate of a study."""
    from study.report.study_summary import summarise_study
    from study.report.terminal import print_report
    from study.report.trial_document import best_candidates
    from study.storage.stored_study import load_trials

    stored, records = load_trials(study, storage)
    print_report(*best_candidates(records, summarise_study(stored, records)))
    return 0


def replay(
    study: Study,
    verify: Annotated[
        bool, typer.Option("--verify", help="Repeat every draw, and compare.")
    ] = False,
    storage: Storage = DEFAULT_URL,
) -> int:
    """Print the sequence of draws, or verify that each follows from what was known at its time."""
    from study.benchmarking.replay import drawn_trials, replay_study
    from study.report.benchmarking import draws_table, replay_section
    from study.report.terminal import print_report
    from study.storage.stored_study import load_trials, version_differences

    stored, records = load_trials(study, storage)
    if not verify:
        metric = stored.settings.measures[0].metric
        print_report(draws_table(study, drawn_trials(records), metric=metric))
        return 0
    refusals, notes = version_differences(stored.environment)
    print_notes((*refusals, *notes))
    result = replay_study(stored, records)
    print_report(replay_section(result))
    return 0 if result.different is None else 1


def dashboard(
    storage: Storage = DEFAULT_URL,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on 127.0.0.1.")] = 8080,
    read_only: Annotated[bool, typer.Option("--read-only", help="Refuse every change.")] = False,
    artifacts: Artifacts = None,
) -> int:
    """Start optuna-dashboard on this machine, with the studies of the storage."""
    from study.dashboard.server import serve

    return serve(storage, port=port, read_only=read_only, artifacts=artifacts)


def delete(
    study: Study,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    storage: Storage = DEFAULT_URL,
    artifacts: Artifacts = None,
) -> int:
    """Delete a study, its trials and its files. Asks first."""
    import optuna

    from study.common.artifact_path import remove_tree
    from study.dashboard.store import artifact_store, file_ids, remove_files
    from study.storage.checkpoints import removable_folder
    from study.storage.opening import open_storage
    from study.storage.storage_errors import storage_errors
    from study.storage.stored_study import load_trials

    stored, records = load_trials(study, storage)
    if not yes:
        typer.confirm(f"Delete study '{study}' with its {len(records)} trials?", abort=True)
    if any(record.state == "running" for record in records) and not yes:
        raise StorageError(f"study '{study}' is running; stop it first, or add --yes")
    folder = removable_folder(artifacts, storage, stored.settings.study)
    files = file_ids(stored.study)
    with storage_errors(storage):
        optuna.delete_study(study_name=study, storage=open_storage(storage))
    remove_tree(folder)
    remove_files(artifact_store(artifacts, storage), files)
    typer.echo(f"deleted '{study}'", err=True)
    return 0
