"""``rank-estimators``: how well cheap estimators rank the candidates of a space."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from study.cli.options import (
    Dataset,
    DropLeaks,
    Epochs,
    Metric,
    Precision,
    Seed,
    Size,
    Space,
    TrainingOptions,
)
from study.common.stop import INTERRUPTED

DEFAULT_ESTIMATORS = "synflow,naswot,train,epochs=1"
DEFAULT_SAMPLE = 50


def rank_estimators(
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
        Literal["table", "markdown", "json"], typer.Option(help="Form of the report on stdout.")
    ] = "table",
    *,
    options: TrainingOptions,
) -> int:
    """Train a sample of a space in full and print how well each estimator ranks it."""
    from pydantic import TypeAdapter

    from study.common.choices import split_choices
    from study.common.stored_form import canonical
    from study.rank_estimators.ranking import EstimatorRanking
    from study.rank_estimators.run import RankingPlan, rank_estimators
    from study.report.markdown import render_markdown
    from study.report.rank_estimators import ranking_document
    from study.report.terminal import print_report
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
    names = split_choices(estimators, flag="--estimators", example="synflow,train,epochs=1")
    ranking = rank_estimators(
        RankingPlan(base=base, estimators=names, sample=sample, seeds=seeds),
        options.run_context,
        workers=options.processes,
        stop=options.stop,
        observers=options.observers,
        say=lambda line: typer.echo(line, err=True),
    )
    if ranking is None:
        typer.echo(
            "interrupted; what is trained is kept. The same command continues from there.",
            err=True,
        )
        return INTERRUPTED
    if format == "json":
        stored = TypeAdapter(EstimatorRanking).dump_python(ranking, mode="json")
        typer.echo(canonical(stored), nl=False)
    elif format == "markdown":
        typer.echo(render_markdown(ranking_document(ranking)), nl=False)
    else:
        print_report(ranking_document(ranking))
    return 0
