"""``run``: start a study, or complete one."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from study.cli.context import (
    observers_of,
    print_notes,
    ray_backend,
    run_context_of,
    storage_flag,
    workers_of,
)
from study.cli.options import (
    Artifacts,
    DataRoot,
    Dataset,
    Device,
    DropLeaks,
    Epochs,
    EpochsBudget,
    Fork,
    GpusPerWorker,
    Metric,
    Precision,
    Quiet,
    Ray,
    Reuse,
    Seed,
    Size,
    Space,
    Split,
    Storage,
    Timeout,
    Trials,
    WarmStart,
    Workers,
)
from study.common.errors import SettingsError, StudyError
from study.common.stop import INTERRUPTED, Stop
from study.performance_estimation.registry import ESTIMATORS
from study.search_strategy.registry import PRUNERS, SAMPLERS
from study.storage.url import DEFAULT_URL

if TYPE_CHECKING:
    from study.running.ray_workers import RayCluster
    from study.running.study_runner import StudyResult
    from study.settings.run_context import RunContext
    from study.settings.study_settings import StudySettings

DEFAULT_TRIALS = 15
CASCADE_PRUNER = "asha"


def _choices(what: str, names: Iterable[str], page: str) -> str:
    """Return the help text of a flag whose value is one of these names, with options."""
    return f"{what}: {', '.join(names)}. Options follow as key=value; see {page}."


def run(
    stop: Stop,
    space: Space,
    study: Annotated[str | None, typer.Option(help="Name; by default, that of the space.")] = None,
    dataset: Dataset = "octmnist",
    split: Split = "official",
    size: Size = 28,
    drop_leaks: DropLeaks = False,
    metric: Metric = "accuracy",
    objectives: Annotated[
        str | None, typer.Option(help="Several, as accuracy,macs; in place of --metric.")
    ] = None,
    sampler: Annotated[
        str, typer.Option(help=_choices("What to try next", SAMPLERS, "docs/strategies.md"))
    ] = "tpe",
    estimator: Annotated[
        str, typer.Option(help=_choices("How to score", ESTIMATORS, "docs/estimators.md"))
    ] = "train",
    pruner: Annotated[
        str, typer.Option(help=_choices("What to stop early", PRUNERS, "docs/pruners.md"))
    ] = "none",
    screen: Annotated[
        str | None,
        typer.Option(help="Score untrained candidates and train the best first, as synflow:200."),
    ] = None,
    cascade: Annotated[
        str | None,
        typer.Option(help=f"As synflow:200; short for --screen and --pruner {CASCADE_PRUNER}."),
    ] = None,
    epochs: Epochs = None,
    fraction: Annotated[float, typer.Option(help="Stratified share of training images.")] = 1.0,
    image_size: Annotated[
        int | None, typer.Option(help="Resize images to this side, in pixels.")
    ] = None,
    precision: Precision = "auto",
    seed: Seed = 0,
    retries: Annotated[
        int, typer.Option(min=0, help="Times a candidate is repeated after a crash.")
    ] = 3,
    keep: Annotated[str, typer.Option(help="Checkpoints to keep: best, all or none.")] = "best",
    reuse: Reuse = None,
    warm_start: WarmStart = None,
    fork: Fork = None,
    trials: Trials = None,
    timeout: Timeout = None,
    epochs_budget: EpochsBudget = None,
    storage: Storage = DEFAULT_URL,
    data_root: DataRoot = None,
    artifacts: Artifacts = None,
    device: Device = None,
    workers: Workers = None,
    ray: Ray = None,
    gpus_per_worker: GpusPerWorker = None,
    quiet: Quiet = False,
) -> int:
    """Run a study, or complete one: the same command again adds what is missing."""
    from study.search_space.reading.loading import read_space_text
    from study.settings.study_settings import make_settings

    source, text = read_space_text(space)
    name = study or Path(space).stem
    settings = make_settings(
        study=fork or name,
        space_name=source,
        space_text=text,
        dataset=dataset,
        split=split,
        size=size,
        drop_leaks=drop_leaks,
        objectives=_names(objectives) if objectives else (metric,),
        sampler=sampler,
        estimator=estimator,
        **_screen_and_pruner(pruner=pruner, screen=screen, cascade=cascade),
        epochs=epochs,
        fraction=fraction,
        image_size=image_size,
        precision=precision,
        seed=seed,
        retries=retries,
        keep=keep,
        reuse=tuple(reuse or ()),
        warm_start=warm_start,
        trials=trials if trials or timeout or epochs_budget else DEFAULT_TRIALS,
        timeout=timeout,
        epochs_budget=epochs_budget,
    )
    return start_study(
        settings,
        run_context_of(storage, data_root, artifacts, device),
        workers=workers_of(workers, device),
        quiet=quiet,
        stop=stop,
        fork_of=name if fork else None,
        backend=ray_backend(ray, gpus_per_worker, artifacts),
    )


def _screen_and_pruner(
    *, pruner: str, screen: str | None, cascade: str | None
) -> dict[str, str | None]:
    if cascade is None:
        return {"pruner": pruner, "screen": screen}
    if screen is not None or pruner != "none":
        raise SettingsError(
            f"--cascade {cascade} is short for --screen {cascade} --pruner {CASCADE_PRUNER};"
            " give either --cascade or the other two flags"
        )
    return {"pruner": CASCADE_PRUNER, "screen": cascade}


def _names(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(","))
    if not all(names):
        raise SettingsError(f"--objectives {text}: a name is missing; write accuracy,macs")
    return names


def start_study(
    settings: StudySettings,
    run_context: RunContext,
    *,
    workers: int,
    quiet: bool,
    stop: Stop,
    fork_of: str | None = None,
    backend: RayCluster | None = None,
) -> int:
    """Run or continue a study, print its result and return the exit code.

    Args:
        settings: The study's, its limits included.
        run_context: Where it runs.
        workers: Number of processes.
        quiet: Whether to show no progress on the terminal.
        stop: Stop flag.
        fork_of: Name of the study that this new one starts from.
        backend: Starts the workers; None for local processes.
    """
    from study.running.study_runner import continue_study, prepare

    if backend is not None:
        backend.check(run_context)
    stored, notes = prepare(settings, run_context, stop=stop, fork_of=fork_of)
    print_notes((*notes, *(backend.notes(run_context) if backend else ())))
    return print_result(
        continue_study(
            stored,
            run_context,
            workers=workers,
            stop=stop,
            observers=observers_of(run_context.artifacts, quiet=quiet),
            backend=backend,
        )
    )


def print_result(result: StudyResult) -> int:
    """Print the result of a run and return the exit code."""
    from study.report.leaderboard import leaderboard
    from study.report.study_summary import summarise_study
    from study.report.terminal import print_report
    from study.report.trial_document import best_candidates

    name = result.stored.settings.study
    if result.work.ending == "interrupted":
        typer.echo(
            f"interrupted; {len(result.state.finished)} trials are done and kept."
            f" Continue with: run_study.py resume {name}{storage_flag(result.stored.url)}",
            err=True,
        )
        return INTERRUPTED
    summary = summarise_study(result.stored, result.trials)
    print_report(leaderboard(result.trials, summary), *best_candidates(result.trials, summary))
    typer.echo(f"{name}: {result.work.text}", err=True)
    if result.work.ending == "failing":
        raise StudyError(f"study '{name}' was ended: {result.work.text}")
    return 0
