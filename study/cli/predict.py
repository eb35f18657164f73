"""``predict``: classify images with an exported network."""

from __future__ import annotations

import json
from typing import Annotated, Literal

import typer

from study.cli.options import Bundle


def predict(
    bundle: Bundle,
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
