"""The command that says how far estimators can be trusted: trust."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from study.cli.options import Artifacts, DataRoot, Device, Quiet, Storage, Workers
from study.cli.working import run_context_of, with_stop, workers_of
from study.common.stop import INTERRUPTED
from study.settings.metrics import MEASURES
from study.storage.opening import DEFAULT_URL

if TYPE_CHECKING:
    from study.common.stop import Stop
    from study.rank_estimators.measuring import Judged

DEFAULT_ESTIMATORS = "synflow,naswot,train,epochs=1"
DEFAULT_SAMPLE = 50


def trust(
    space: Annotated[str, typer.Argument(help="A shipped space (seed, small, stages) or a file.")],
    estimators: Annotated[
        str,
        typer.Option(
            help="What to judge, options after the name; train takes epochs, fraction, image_size."
        ),
    ] = DEFAULT_ESTIMATORS,
    sample: Annotated[
        int, typer.Option(help="Candidates to train in full; 30 at least.")
    ] = DEFAULT_SAMPLE,
    seeds: Annotated[int, typer.Option(help="Full trainings of each; 2 at least.")] = 2,
    study: Annotated[
        str | None, typer.Option(help="Name of the report and first part of its studies'.")
    ] = None,
    dataset: Annotated[
        str, typer.Option(help="A MedMNIST flag, 'digits', or a .npz in MedMNIST's layout.")
    ] = "octmnist",
    size: Annotated[int, typer.Option(help="Size of MedMNIST's file, in pixels.")] = 28,
    drop_leaks: Annotated[
        bool, typer.Option("--drop-leaks", help="Leave out training images seen in val or test.")
    ] = False,
    metric: Annotated[str, typer.Option(help=f"One of {', '.join(MEASURES)}.")] = "accuracy",
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Epochs of a full training; the space's by default.")
    ] = None,
    yardstick: Annotated[
        str, typer.Option(help="What full training is; 'synthetic' to try the command out.")
    ] = "train",
    precision: Annotated[str, typer.Option(help="auto, float32 or bfloat16.")] = "auto",
    seed: Annotated[int, typer.Option(min=0, help="Everything random follows from it.")] = 0,
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
    """Train a sample of a space in full and say how far each estimator can be trusted."""
    from study.search_space.reading.loading import read_space_text

    source, text = read_space_text(space)
    values = {
        "study": study or f"trust-{Path(space).stem}",
        "space_name": source,
        "space_text": text,
        "dataset": dataset,
        "size": size,
        "drop_leaks": drop_leaks,
        "objectives": (metric,),
        "estimator": yardstick,
        "epochs": epochs,
        "precision": precision,
        "seed": seed,
    }

    def work(stop: Stop) -> int:
        from study.rank_estimators.measuring import measure_trust
        from study.rank_estimators.studies import TrustPlan, split_estimators
        from study.settings.study_settings import make_settings

        plan = TrustPlan(
            base=make_settings(**values),
            estimators=split_estimators(estimators),
            sample=sample,
            seeds=seeds,
        )
        judged = measure_trust(
            plan,
            run_context_of(storage, data_root, artifacts, device),
            workers=workers_of(workers, device),
            stop=stop,
            quiet=quiet,
            tell=lambda line: typer.echo(line, err=True),
        )
        return _tell(judged, format)

    return with_stop(work)


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


COMMANDS: Mapping[str, Callable[..., int]] = MappingProxyType({"trust": trust})
