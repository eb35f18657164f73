"""``rank-estimators``: how well cheap estimators rank the candidates of a space."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from study.cli.context import observers_of, run_context_of, workers_of
from study.cli.options import (
    Artifacts,
    DataRoot,
    Dataset,
    Device,
    DropLeaks,
    Epochs,
    Metric,
    Precision,
    Quiet,
    Seed,
    Size,
    Space,
    Storage,
    Workers,
)
from study.common.stop import INTERRUPTED, Stop
from study.storage.url import DEFAULT_URL

if TYPE_CHECKING:
    from study.rank_estimators.measuring import Judged

DEFAULT_ESTIMATORS = "synflow,naswot,train,epochs=1"
DEFAULT_SAMPLE = 50


def rank_estimators(
    stop: Stop,
    space: Space,
    estimators: Annotated[
        str,
        typer.Option(
            help="As synflow,train,epochs=1: options follow the name; train takes epochs, "
            "fraction and image_size."
        ),
    ] = DEFAULT_ESTIMATORS,
    sample: Annotated[
        int, typer.Option(help="Candidates to train in full; at least 30.")
    ] = DEFAULT_SAMPLE,
    seeds: Annotated[int, typer.Option(help="Full trainings of each; at least 2.")] = 2,
    study: Annotated[
        str | None, typer.Option(help="Name of the report and prefix of its studies.")
    ] = None,
    dataset: Dataset = "octmnist",
    size: Size = 28,
    drop_leaks: DropLeaks = False,
    metric: Metric = "accuracy",
    epochs: Epochs = None,
    reference: Annotated[
        str, typer.Option(help="Estimator of the full trainings; synthetic tries the command out.")
    ] = "train",
    precision: Precision = "auto",
    seed: Seed = 0,
    format: Annotated[
        Literal["markdown", "json"], typer.Option(help="Form of the report on stdout.")
    ] = "markdown",
    storage: Storage = DEFAULT_URL,
    data_root: DataRoot = None,
    artifacts: Artifacts = None,
    device: Device = None,
    workers: Workers = None,
    quiet: Quiet = False,
) -> int:
    """Train a sample of a space in full and print how well each estimator ranks it."""
    from study.rank_estimators.measuring import measure_trust
    from study.rank_estimators.studies import TrustPlan, split_estimators
    from study.search_space.reading.loading import read_space_text
    from study.settings.study_settings import make_settings

    source, text = read_space_text(space)
    base = make_settings(
        study=study or f"rank-{Path(space).stem}",
        space_name=source,
        space_text=text,
        dataset=dataset,
        size=size,
        drop_leaks=drop_leaks,
        objectives=(metric,),
        estimator=reference,
        epochs=epochs,
        precision=precision,
        seed=seed,
    )
    plan = TrustPlan(
        base=base, estimators=split_estimators(estimators), sample=sample, seeds=seeds
    )
    judged = measure_trust(
        plan,
        run_context_of(storage, data_root, artifacts, device),
        workers=workers_of(workers, device),
        stop=stop,
        observers=observers_of(artifacts, quiet=quiet),
        tell=lambda line: typer.echo(line, err=True),
    )
    return _tell(judged, format)


def _tell(judged: Judged | None, format: str) -> int:
    """Print the report and return the exit code."""
    if judged is None:
        typer.echo(
            "interrupted; what is trained is kept. The same command goes on from there.", err=True
        )
        return INTERRUPTED
    typer.echo(_formatted(judged, format), nl=False)
    return 0


def _formatted(judged: Judged, format: str) -> str:
    if format == "json":
        from study.common.stored_form import canonical

        return canonical(judged.json())
    return judged.markdown() + "\n"
