"""Commands that look: check, list, report, best, dashboard, delete."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from study.cli.options import Artifacts, DataRoot, Storage
from study.common.errors import SettingsError, StorageError
from study.storage.opening import DEFAULT_URL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from study.report.study_summary import StudySummary
    from study.storage.records import TrialRecord

FORMATS = ("table", "json", "csv", "markdown")


def check(
    space: Annotated[str, typer.Argument(help="A shipped space (seed, small, stages) or a file.")],
    dataset: Annotated[str, typer.Option(help="Data set whose image format counts.")] = "octmnist",
    size: Annotated[int, typer.Option(help="Size of MedMNIST's file, in pixels.")] = 28,
    trials: Annotated[int, typer.Option(min=1, help="Trials to estimate the time of.")] = 15,
    time: Annotated[bool, typer.Option("--time", help="Measure the speed of this machine.")] = (
        False
    ),
    data_root: DataRoot = None,
) -> int:
    """Say what a search space holds, or everything that is wrong with it. Trains nothing."""
    from study.search_space.candidate import OCTMNIST
    from study.search_space.reading.loading import load_space
    from study.search_space.summary.summary import describe_space, summarise_space

    image, images = OCTMNIST, None
    if (dataset, size) != ("octmnist", 28):
        from study.data.sources import image_counts, image_format

        image, images = image_format(dataset, size, data_root), image_counts(dataset, size)
    loaded = load_space(space, image=image)
    speed = None
    if time:
        from study.performance_estimation.training.speed import images_per_second

        speed = images_per_second(loaded, image)
    summary = summarise_space(loaded, image, trials=trials, images=images, images_per_second=speed)
    typer.echo(describe_space(summary))
    return 0


def data(
    dataset: Annotated[
        str, typer.Argument(help="A MedMNIST flag, 'digits', or a .npz in MedMNIST's layout.")
    ],
    split: Annotated[str, typer.Option(help="official, or pooled.")] = "official",
    size: Annotated[int, typer.Option(help="Size of MedMNIST's file, in pixels.")] = 28,
    sheet: Annotated[
        Path | None, typer.Option(help="Write a PNG with examples of each class here.")
    ] = None,
    data_root: DataRoot = None,
) -> int:
    """Check a data set: twins across its parts, conflicting labels, class shares."""
    from study.data.audit import audit
    from study.data.audit_text import audit_text
    from study.data.contact_sheet import contact_sheet
    from study.data.dataset import load_search_data

    typer.echo(audit_text(audit(dataset, data_root=data_root, size=size, split=split)))
    if sheet is not None:
        seen = load_search_data(dataset, data_root=data_root, size=size, split=split)
        contact_sheet(seen, sheet)
        typer.echo(f"wrote {sheet}", err=True)
    return 0


def list_studies(storage: Storage = DEFAULT_URL) -> int:
    """List the studies of a storage."""
    from study.report.listing import study_lines, study_list_text

    typer.echo(study_list_text(study_lines(storage), storage=storage), nl=False)
    return 0


def report(
    study: Annotated[str, typer.Argument(help="Name of the study.")],
    format: Annotated[str, typer.Option(help=f"One of {', '.join(FORMATS)}.")] = "table",
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

    if format not in FORMATS:
        raise SettingsError(f"--format {format}: write one of {', '.join(FORMATS)}")
    stored, records = load_trials(study, storage)
    summary = summarise_study(stored, records)
    if html is not None:
        from study.common.atomic_write import write_text
        from study.report.html import to_html

        write_text(html, to_html(records, with_importance(stored, summary)))
        typer.echo(f"wrote {html}", err=True)
    if figures is not None:
        from study.report.drawing import network_figure
        from study.report.figures import study_figures
        from study.report.figures.writing import write_figures

        network = network_figure(records, summary)
        found = study_figures(records, with_importance(stored, summary))
        for path in write_figures([*filter(None, [network]), *found], figures, form=figure_format):
            typer.echo(f"wrote {path}", err=True)
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


def best(
    study: Annotated[str, typer.Argument(help="Name of the study.")],
    storage: Storage = DEFAULT_URL,
) -> int:
    """Print the best candidate of a study."""
    from study.report.listing import best_text
    from study.report.study_summary import summarise_study
    from study.storage.stored_study import load_trials

    stored, records = load_trials(study, storage)
    typer.echo(best_text(records, summarise_study(stored, records)), nl=False)
    return 0


def dashboard(
    storage: Storage = DEFAULT_URL,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on 127.0.0.1.")] = 8080,
    read_only: Annotated[bool, typer.Option("--read-only", help="Refuse every change.")] = False,
    artifacts: Artifacts = None,
) -> int:
    """Start optuna-dashboard on this machine, with the storage's studies."""
    from study.dashboard.server import serve

    return serve(storage, port=port, read_only=read_only, artifacts=artifacts)


def delete(
    study: Annotated[str, typer.Argument(help="Name of the study.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    storage: Storage = DEFAULT_URL,
    artifacts: Artifacts = None,
) -> int:
    """Delete a study, its trials and its files. Asks first."""
    import optuna

    from study.common.artifact_path import remove_tree
    from study.dashboard.store import artifact_store, file_ids, remove_files
    from study.storage.checkpoints import removable_folder
    from study.storage.storage_errors import storage_errors
    from study.storage.stored_study import load_trials

    stored, records = load_trials(study, storage)
    if not yes:
        typer.confirm(f"Delete study '{study}' with its {len(records)} trials?", abort=True)
    if any(record.state == "running" for record in records) and not yes:
        raise StorageError(f"study '{study}' is running; stop it first, or write --yes")
    from study.storage.opening import open_storage

    folder = removable_folder(artifacts, storage, stored.settings.study)
    files = file_ids(stored.study)
    with storage_errors(storage):
        optuna.delete_study(study_name=study, storage=open_storage(storage))
    remove_tree(folder)
    remove_files(artifact_store(artifacts, storage), files)
    typer.echo(f"deleted '{study}'", err=True)
    return 0


COMMANDS: Mapping[str, Callable[..., int]] = MappingProxyType(
    {
        "check": check,
        "data": data,
        "list": list_studies,
        "report": report,
        "best": best,
        "dashboard": dashboard,
        "delete": delete,
    }
)
