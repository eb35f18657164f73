"""Commands about a network as files: export, reproduce and predict."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from study.cli.options import Artifacts, DataRoot, Device, Storage
from study.cli.working import run_context_of
from study.storage.opening import DEFAULT_URL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from study.bundle.bundle import Bundle
    from study.bundle.image_files import Refusal
    from study.bundle.predict import Prediction

Folder = Annotated[Path, typer.Argument(help="Folder that 'export' wrote.", metavar="DIR")]


def export(
    study: Annotated[str, typer.Argument(help="Name of the study that searched.")],
    to: Annotated[
        Path, typer.Option(help="Folder to write; must not exist or be empty.", metavar="DIR")
    ],
    onnx: Annotated[
        bool | None,
        typer.Option(
            "--onnx/--no-onnx", help="Write ONNX too; by default where its packages are there."
        ),
    ] = None,
    storage: Storage = DEFAULT_URL,
    data_root: DataRoot = None,
    artifacts: Artifacts = None,
    device: Device = None,
) -> int:
    """Write the tested (or else confirmed, or else best) network with all it takes to use it."""
    import datetime as dt

    from study.bundle.exporting import export_study

    run_context = run_context_of(storage, data_root, artifacts, device)
    now = dt.datetime.now(dt.UTC)
    bundle = export_study(study, run_context, directory=to, now=now, onnx=onnx)
    _tell_exported(bundle, to)
    return 0


def _tell_exported(bundle: Bundle, to: Path) -> None:
    from study.bundle.onnx_model import onnx_available
    from study.search_space.resolve import complexity

    parameters = complexity(bundle.stack).parameters
    typer.echo(
        f"{to}: candidate {bundle.candidate_id}, seed {bundle.training.seed}, fitted on "
        f"{bundle.training.fit_on}, {parameters:,} parameters"
    )
    for name, file in bundle.files.items():
        typer.echo(f"  {name}  {file.bytes:,} bytes")
    if bundle.onnx is not None:
        typer.echo(
            f"ONNX against PyTorch on {bundle.onnx.images:,} validation images: largest "
            f"difference of a probability {bundle.onnx.largest_difference:.1e}, same class for "
            f"{bundle.onnx.same_class:,}"
        )
    elif not onnx_available():
        typer.echo('no ONNX: its packages are not installed (pip install "study-nas[export]")')
    for limit in bundle.limits:
        typer.echo(f"note: {limit}", err=True)
    typer.echo(f"digest: {bundle.digest}")


def reproduce(
    bundle: Folder,
    dataset: Annotated[
        str | None, typer.Option(help="Where the data set is now; as exported by default.")
    ] = None,
    data_root: DataRoot = None,
    device: Device = None,
) -> int:
    """Train an exported network again and compare. Exit code 1 where it is not shown the same."""
    from study.bundle.classifier import load
    from study.bundle.reproduce import reproduction_text
    from study.bundle.reproducing import reproduce_bundle

    classifier = load(bundle)
    run_context = run_context_of(DEFAULT_URL, data_root, None, device)
    result = reproduce_bundle(classifier, run_context, dataset=dataset)
    typer.echo(reproduction_text(result), nl=False)
    return 0 if result.verdict in ("identical", "within") else 1


def predict(
    bundle: Folder,
    images: Annotated[
        list[str],
        typer.Argument(help="PNG, JPEG, a folder of them, file.npz or file.npz:array."),
    ],
    format: Annotated[Literal["table", "json"], typer.Option(help="Form of the output.")] = (
        "table"
    ),
    resize: Annotated[
        bool, typer.Option("--resize", help="Cut out the middle square and resample it.")
    ] = False,
    convert: Annotated[
        bool, typer.Option("--convert", help="Turn colour into grey, or grey into colour.")
    ] = False,
    readers: Annotated[
        int | None,
        typer.Option(min=1, max=64, help="Threads that read files; one a core, at most 8."),
    ] = None,
    digest: Annotated[
        str | None, typer.Option(help="What the bundle's digest must be, known by another way.")
    ] = None,
) -> int:
    """Classify images with an exported network. Exit code 1 where one was refused."""
    from study.bundle.classifier import load
    from study.bundle.image_files import Fitting, Refusal
    from study.bundle.predict import predict, prediction_table

    classifier = load(bundle, digest=digest)
    fitting = Fitting(resize=resize, convert=convert)
    found = predict(classifier, images, fitting=fitting, readers=readers)
    said = list(found)
    if format == "json":
        typer.echo(_as_json(said, classifier.class_names))
    else:
        typer.echo(prediction_table(said, classifier.class_names), nl=False)
    return 1 if any(isinstance(one, Refusal) for one in said) else 0


def _as_json(found: Sequence[Prediction | Refusal], class_names: Sequence[str]) -> str:
    import json

    from study.bundle.predict import prediction_row

    rows = [prediction_row(one, class_names) for one in found]
    return json.dumps(rows, indent=2, ensure_ascii=False)


COMMANDS: Mapping[str, Callable[..., int]] = MappingProxyType(
    {"export": export, "reproduce": reproduce, "predict": predict}
)
