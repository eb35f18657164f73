"""``export``, ``reproduce`` and ``predict``: a network as a folder of files, and its use."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from study.cli.command import print_notes
from study.cli.options import ContextOptions, DataRoot, Device, Study
from study.settings.run_context import RunContext
from study.storage.url import DEFAULT_URL

if TYPE_CHECKING:
    from study.bundle.bundle import Bundle

BundleFolder = Annotated[Path, typer.Argument(help="Folder that 'export' wrote.", metavar="DIR")]


def export(
    study: Study,
    to: Annotated[
        Path, typer.Option(help="Folder to write; must not exist or be empty.", metavar="DIR")
    ],
    onnx: Annotated[
        bool | None,
        typer.Option(
            "--onnx/--no-onnx", help="Write ONNX too; by default, if its packages are installed."
        ),
    ] = None,
    *,
    options: ContextOptions,
) -> int:
    """Write the tested network (or else the confirmed or best one), ready to use elsewhere."""
    from study.bundle.export import export_study

    now = dt.datetime.now(dt.UTC)
    _print_bundle(export_study(study, options.run_context, directory=to, now=now, onnx=onnx), to)
    return 0


def _print_bundle(bundle: Bundle, to: Path) -> None:
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
            f"ONNX compared with PyTorch on {bundle.onnx.images:,} validation images: largest "
            f"difference of a probability {bundle.onnx.largest_difference:.1e}, same class for "
            f"{bundle.onnx.same_class:,}"
        )
    elif not onnx_available():
        typer.echo('no ONNX: its packages are not installed (pip install "study-nas[export]")')
    print_notes(bundle.limits)
    typer.echo(f"digest: {bundle.digest}")


def reproduce(
    bundle: BundleFolder,
    dataset: Annotated[
        str | None, typer.Option(help="Where the data set is now; by default, as exported.")
    ] = None,
    data_root: DataRoot = None,
    device: Device = None,
) -> int:
    """Train an exported network again and compare. Exit code 1 unless both agree."""
    from study.bundle.classifier import load
    from study.bundle.reproduce import describe_reproduction, reproduce_bundle

    classifier = load(bundle)
    run_context = RunContext(url=DEFAULT_URL, data_root=data_root, device=device)
    result = reproduce_bundle(classifier, run_context, dataset=dataset)
    typer.echo(describe_reproduction(result), nl=False)
    return 0 if result.verdict in ("identical", "within") else 1


def predict(
    bundle: BundleFolder,
    images: Annotated[
        list[str],
        typer.Argument(help="PNG, JPEG, a folder of them, file.npz or file.npz:array."),
    ],
    format: Annotated[Literal["table", "json"], typer.Option(help="Form of the output.")] = (
        "table"
    ),
    resize: Annotated[
        bool, typer.Option("--resize", help="Crop to the middle square and resample it.")
    ] = False,
    convert: Annotated[
        bool, typer.Option("--convert", help="Convert colour to grey, or grey to colour.")
    ] = False,
    readers: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=64,
            help="Threads that read files; by default, one for each core, at most 8.",
        ),
    ] = None,
    digest: Annotated[
        str | None, typer.Option(help="The expected digest of the bundle, from another source.")
    ] = None,
) -> int:
    """Classify images with an exported network. Exit code 1 if an image is refused."""
    from study.bundle.classifier import load
    from study.bundle.images import Fitting, Refusal
    from study.bundle.predict import predict, prediction_row
    from study.report.prediction_table import prediction_blocks
    from study.report.terminal import print_report

    classifier = load(bundle, digest=digest)
    fitting = Fitting(resize=resize, convert=convert)
    found = list(predict(classifier, images, fitting=fitting, readers=readers))
    names = classifier.class_names
    if format == "json":
        rows = [prediction_row(one, names) for one in found]
        typer.echo(json.dumps(rows, indent=2, ensure_ascii=False))
    else:
        print_report(*prediction_blocks(found, names))
    return 1 if any(isinstance(one, Refusal) for one in found) else 0
