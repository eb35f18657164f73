"""``reproduce``: train an exported network again and compare."""

from __future__ import annotations

from typing import Annotated

import typer

from study.cli.context import run_context_of
from study.cli.options import Bundle, DataRoot, Device
from study.storage.url import DEFAULT_URL


def reproduce(
    bundle: Bundle,
    dataset: Annotated[
        str | None, typer.Option(help="Where the data set is now; by default, as exported.")
    ] = None,
    data_root: DataRoot = None,
    device: Device = None,
) -> int:
    """Train an exported network again and compare. Exit code 1 if it is not shown the same."""
    from study.bundle.classifier import load
    from study.bundle.reproduce import describe_reproduction, reproduce_bundle

    classifier = load(bundle)
    run_context = run_context_of(DEFAULT_URL, data_root, None, device)
    result = reproduce_bundle(classifier, run_context, dataset=dataset)
    typer.echo(describe_reproduction(result), nl=False)
    return 0 if result.verdict in ("identical", "within") else 1
