"""``data``: the checks of a data set."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from study.cli.context import print_written
from study.cli.options import DataRoot, DatasetArgument, Size, Split


def data(
    dataset: DatasetArgument,
    split: Split = "official",
    size: Size = 28,
    sheet: Annotated[
        Path | None, typer.Option(help="Write a PNG with examples of each class here.")
    ] = None,
    data_root: DataRoot = None,
) -> int:
    """Check a data set: twins across its parts, conflicting labels, class shares."""
    from study.data.contact_sheet import contact_sheet
    from study.data.dataset import load_search_data
    from study.data.leak_check import check_leaks, describe_leak_check

    found = check_leaks(dataset, data_root=data_root, size=size, split=split)
    typer.echo(describe_leak_check(found))
    if sheet is not None:
        seen = load_search_data(dataset, data_root=data_root, size=size, split=split)
        contact_sheet(seen, sheet)
        print_written([sheet])
    return 0
