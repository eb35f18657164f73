"""``run``, ``resume`` and ``worker``: start a study, continue it, or work on it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from study.cli.command import print_notes, storage_flag
from study.cli.options import (
    ContextOptions,
    Dataset,
    DropLeaks,
    Epochs,
    Metric,
    Precision,
    Quiet,
    Seed,
    Size,
    Space,
    Split,
    Study,
    StudyOptions,
    progress_of,
)
from study.common.errors import SettingsError, StudyError
from study.common.stop import INTERRUPTED, Stop
from study.performance_estimation.registry import ESTIMATORS
from study.search_strategy.registry import PRUNERS, SAMPLERS

if TYPE_CHECKING:
    from study.running.study_runner import StudyResult
    from study.settings.study_settings import StudySettings

DEFAULT_TRIALS = 15
CASCADE_PRUNER = "asha"


def _choices(what: str, names: Iterable[str], page: str) -> str:
    return f"{what}: {', '.join(names)}. Options follow as key=value; see {page}."


def run(
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
    reuse: Annotated[
        list[str] | None,
        typer.Option(help="Reuse the valid results of this study; 'all' for every study."),
    ] = None,
    warm_start: Annotated[
        str | None, typer.Option(help="A study whose results the strategy starts from.")
    ] = None,
    fork: Annotated[
        str | None,
        typer.Option(help="Start this new study from --study, with its results that hold here."),
    ] = None,
    *,
    options: StudyOptions,
) -> int:
    """Run a study, or complete one: the same command again adds what is missing."""
    from study.search_space.reading.loading import read_space_text
    from study.settings.study_settings import make_settings

    source, text = read_space_text(space)
    name = study or Path(space).stem
    limited = options.trials or options.timeout or options.epochs_budget
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
        trials=options.trials if limited else DEFAULT_TRIALS,
        timeout=options.timeout,
        epochs_budget=options.epochs_budget,
    )
    return _start_study(settings, options, fork_of=name if fork else None)


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


def resume(study: Study, options: StudyOptions) -> int:
    """Continue a study where it stopped, with the settings that are stored with it."""
    from study.storage.stored_study import open_study, resume_settings

    settings = resume_settings(
        open_study(study, options.storage),
        trials=options.trials,
        timeout=options.timeout,
        epochs_budget=options.epochs_budget,
    )
    return _start_study(settings, options)


def _start_study(
    settings: StudySettings, options: StudyOptions, *, fork_of: str | None = None
) -> int:
    from study.running.study_runner import continue_study, prepare

    run_context, backend = options.run_context, options.backend
    if backend is not None:
        backend.check(run_context)
    stored, notes = prepare(settings, run_context, stop=options.stop, fork_of=fork_of)
    print_notes((*notes, *(backend.notes(run_context) if backend else ())))
    return _print_result(
        continue_study(
            stored,
            run_context,
            workers=options.processes,
            stop=options.stop,
            observers=options.observers,
            backend=backend,
        )
    )


def worker(study: Study, quiet: Quiet = False, *, options: ContextOptions, stop: Stop) -> int:
    """Join a running study as one more worker, on any machine; end when the study is done."""
    from study.dashboard.observers import TrialPictures
    from study.running.study_runner import continue_study
    from study.storage.stored_study import open_study

    observers = (*progress_of(quiet=quiet), TrialPictures(artifacts=options.artifacts))
    stored = open_study(study, options.storage)
    return _print_result(
        continue_study(stored, options.run_context, workers=1, stop=stop, observers=observers)
    )


def _print_result(result: StudyResult) -> int:
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
