"""Commands that train: run, resume, worker."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated

import typer

from study.cli.options import (
    Artifacts,
    DataRoot,
    Device,
    EpochsBudget,
    Fork,
    GpusPerWorker,
    Quiet,
    Ray,
    Reuse,
    Storage,
    Timeout,
    Trials,
    WarmStart,
    Workers,
)
from study.cli.working import ray_backend, run_context_of, storage_flag, with_stop, workers_of
from study.common.errors import SettingsError, StudyError
from study.settings.metrics import MEASURES
from study.storage.opening import DEFAULT_URL

if TYPE_CHECKING:
    from study.common.stop import Stop
    from study.running.ray_workers import RayCluster
    from study.running.study_runner import StudyResult
    from study.settings.run_context import RunContext
    from study.settings.study_settings import StudySettings

DEFAULT_TRIALS = 15
CASCADE_PRUNER = "asha"


def run(
    space: Annotated[str, typer.Argument(help="A shipped space (seed, small, stages) or a file.")],
    study: Annotated[str | None, typer.Option(help="Name; the space's by default.")] = None,
    dataset: Annotated[
        str, typer.Option(help="A MedMNIST flag, 'digits', or a .npz in MedMNIST's layout.")
    ] = "octmnist",
    split: Annotated[str, typer.Option(help="official, or pooled (the seed's 70/30).")] = (
        "official"
    ),
    size: Annotated[int, typer.Option(help="Size of MedMNIST's file, in pixels.")] = 28,
    drop_leaks: Annotated[
        bool, typer.Option("--drop-leaks", help="Leave out training images seen in val or test.")
    ] = False,
    metric: Annotated[str, typer.Option(help=f"One of {', '.join(MEASURES)}.")] = "accuracy",
    objectives: Annotated[
        str | None, typer.Option(help="Several, as accuracy,macs; in place of --metric.")
    ] = None,
    sampler: Annotated[str, typer.Option(help="What to try next; see docs/strategies.md.")] = (
        "tpe"
    ),
    estimator: Annotated[str, typer.Option(help="How to score; see docs/estimators.md.")] = (
        "train"
    ),
    pruner: Annotated[str, typer.Option(help="What to stop early; see docs/estimators.md.")] = (
        "none"
    ),
    screen: Annotated[
        str | None,
        typer.Option(help="Score draws untrained and train the best first, as synflow:200."),
    ] = None,
    cascade: Annotated[
        str | None,
        typer.Option(help="Screen, then asha: --cascade synflow:200 in place of the two flags."),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Epochs of a full training; the space's by default.")
    ] = None,
    fraction: Annotated[float, typer.Option(help="Stratified share of training images.")] = 1.0,
    image_size: Annotated[
        int | None, typer.Option(help="Resize images to so many pixels.")
    ] = None,
    precision: Annotated[str, typer.Option(help="auto, float32 or bfloat16.")] = "auto",
    seed: Annotated[int, typer.Option(min=0, help="Everything random follows from it.")] = 0,
    retries: Annotated[int, typer.Option(min=0, help="Times a lost candidate is run again.")] = 3,
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
    values = {
        "study": fork or name,
        "space_name": source,
        "space_text": text,
        "dataset": dataset,
        "split": split,
        "size": size,
        "drop_leaks": drop_leaks,
        "objectives": _names(objectives) if objectives else (metric,),
        "sampler": sampler,
        "estimator": estimator,
        **_stages(pruner=pruner, screen=screen, cascade=cascade),
        "epochs": epochs,
        "fraction": fraction,
        "image_size": image_size,
        "precision": precision,
        "seed": seed,
        "retries": retries,
        "keep": keep,
        "reuse": tuple(reuse or ()),
        "warm_start": warm_start,
        "trials": trials if trials or timeout or epochs_budget else DEFAULT_TRIALS,
        "timeout": timeout,
        "epochs_budget": epochs_budget,
    }
    return with_stop(
        lambda stop: _start(
            make_settings(**values),
            run_context_of(storage, data_root, artifacts, device),
            workers=workers_of(workers, device),
            quiet=quiet,
            stop=stop,
            fork_of=name if fork else None,
            backend=ray_backend(ray, gpus_per_worker),
        )
    )


def resume(
    study: Annotated[str, typer.Argument(help="Name of the study.")],
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
    """Go on with a study where it stopped; its settings are stored with it."""
    limits = {"trials": trials, "timeout": timeout, "epochs_budget": epochs_budget}

    def go_on(stop: Stop) -> int:
        from study.storage.stored_study import open_study, resume_settings

        run_context = run_context_of(storage, data_root, artifacts, device)
        settings = resume_settings(open_study(study, storage), **limits)
        return _start(
            settings,
            run_context,
            workers=workers_of(workers, device),
            quiet=quiet,
            stop=stop,
            backend=ray_backend(ray, gpus_per_worker),
        )

    return with_stop(go_on)


def worker(
    study: Annotated[str, typer.Argument(help="Name of the study.")],
    storage: Storage = DEFAULT_URL,
    data_root: DataRoot = None,
    artifacts: Artifacts = None,
    device: Device = None,
    quiet: Quiet = False,
) -> int:
    """Join a study from anywhere as one more worker; leave when it is done."""

    def join(stop: Stop) -> int:
        from study.running.study_runner import join_study
        from study.storage.stored_study import open_study

        run_context = run_context_of(storage, data_root, artifacts, device)
        stored = open_study(study, storage)
        return _tell(join_study(stored, run_context, stop=stop, quiet=quiet))

    return with_stop(join)


def _start(
    settings: StudySettings,
    run_context: RunContext,
    *,
    workers: int,
    quiet: bool,
    stop: Stop,
    fork_of: str | None = None,
    backend: RayCluster | None = None,
) -> int:
    """Run or resume a study; what there is to note is said before it begins."""
    from study.running.study_runner import continue_study, prepare

    if backend is not None:
        backend.check(run_context)
    stored, notes = prepare(settings, run_context, stop=stop, fork_of=fork_of)
    for note in (*notes, *(backend.notes(run_context) if backend else ())):
        typer.echo(f"note: {note}", err=True)
    return _tell(
        continue_study(
            stored, run_context, workers=workers, stop=stop, quiet=quiet, backend=backend
        )
    )


def _stages(*, pruner: str, screen: str | None, cascade: str | None) -> dict[str, str | None]:
    """Return screen and pruner; a cascade is short for both."""
    if cascade is None:
        return {"pruner": pruner, "screen": screen}
    if screen is not None or pruner != "none":
        raise SettingsError(
            f"--cascade {cascade} is short for --screen {cascade} --pruner {CASCADE_PRUNER};"
            " give either the one flag or the two"
        )
    return {"pruner": CASCADE_PRUNER, "screen": cascade}


def _names(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(","))
    if not all(names):
        raise SettingsError(f"--objectives {text}: a name is missing; write accuracy,macs")
    return names


def _tell(result: StudyResult) -> int:
    """Print what the run came to and return the exit code."""
    from study.report.listing import best_text
    from study.report.study_summary import summarise_study
    from study.report.table import as_text, leaderboard

    name = result.stored.settings.study
    if result.work.ending == "interrupted":
        typer.echo(
            f"interrupted; {len(result.state.finished)} trials are done and kept."
            f" Go on with: run_study.py resume {name}{storage_flag(result.stored.url)}",
            err=True,
        )
        return 130
    summary = summarise_study(result.stored, result.trials)
    typer.echo(as_text(leaderboard(result.trials, summary)))
    typer.echo(best_text(result.trials, summary))
    typer.echo(f"{name}: {result.work.text}", err=True)
    if result.work.ending == "failing":
        raise StudyError(f"study '{name}' was ended: {result.work.text}")
    return 0


COMMANDS: Mapping[str, Callable[..., int]] = MappingProxyType(
    {"run": run, "resume": resume, "worker": worker}
)
