"""``export``: the result of a study as a folder of files."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from study.cli.context import print_notes, run_context_of
from study.cli.options import Artifacts, DataRoot, Device, Storage, Study
from study.storage.url import DEFAULT_URL

if TYPE_CHECKING:
    from study.bundle.bundle import Bundle


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
    storage: Storage = DEFAULT_URL,
    data_root: DataRoot = None,
    artifacts: Artifacts = None,
    device: Device = None,
) -> int:
    """Write the tested network (or else the confirmed or best one), ready to use elsewhere."""
    from study.bundle.export import export_study

    run_context = run_context_of(storage, data_root, artifacts, device)
    now = dt.datetime.now(dt.UTC)
    _print_bundle(export_study(study, run_context, directory=to, now=now, onnx=onnx), to)
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
