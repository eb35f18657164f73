"""``check`` and ``data``: what a search space and a data set hold, without a study."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from study.cli.command import print_written
from study.cli.options import DATASET, DataRoot, Size, Space, Split


def check(
    space: Space,
    dataset: Annotated[str, typer.Option(help="Data set whose image format counts.")] = "octmnist",
    size: Size = 28,
    trials: Annotated[int, typer.Option(min=1, help="Trials to estimate the time of.")] = 15,
    time: Annotated[bool, typer.Option("--time", help="Measure the speed of this machine.")] = (
        False
    ),
) -> int:
    """Print what a search space holds, or every error in it. Trains nothing."""
    from study.search_space.candidate import OCTMNIST
    from study.search_space.reading.loading import load_space
    from study.search_space.summary import describe_space, summarise_space

    image, images = OCTMNIST, None
    if (dataset, size) != ("octmnist", 28):
        from study.data.sources import image_counts, image_format

        image, images = image_format(dataset, size), image_counts(dataset, size)
    loaded = load_space(space, image=image)
    speed = None
    if time:
        from study.performance_estimation.training.speed import images_per_second

        speed = images_per_second(loaded, image)
    summary = summarise_space(loaded, image, trials=trials, images=images, images_per_second=speed)
    typer.echo(describe_space(summary))
    return 0


def data(
    dataset: Annotated[str, typer.Argument(help=DATASET)],
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
