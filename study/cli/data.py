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
    from study.data.audit import audit
    from study.data.audit_text import audit_text
    from study.data.contact_sheet import contact_sheet
    from study.data.dataset import load_search_data

    typer.echo(audit_text(audit(dataset, data_root=data_root, size=size, split=split)))
    if sheet is not None:
        seen = load_search_data(dataset, data_root=data_root, size=size, split=split)
        contact_sheet(seen, sheet)
        print_written([sheet])
    return 0
