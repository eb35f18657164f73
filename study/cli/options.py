"""Flags that several commands share, and the names they may take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from study.common.artifact_path import ArtifactPath, artifact_path
from study.storage.opening import DEFAULT_URL

Storage = Annotated[
    str,
    typer.Option(
        "--storage", envvar="OPTUNA_STORAGE", help="Optuna storage URL.", show_default=DEFAULT_URL
    ),
]
DataRoot = Annotated[
    Path | None,
    typer.Option("--data-root", help="Folder of data sets; medmnist's own by default."),
]
Artifacts = Annotated[
    ArtifactPath | None,
    typer.Option(
        "--artifacts",
        parser=artifact_path,
        metavar="FOLDER",
        help="Folder or URL of checkpoints; 'artifacts' beside the storage.",
    ),
]
Device = Annotated[
    str | None, typer.Option("--device", help="cpu, cuda or cuda:N; the best there is by default.")
]
Reuse = Annotated[
    list[str] | None,
    typer.Option(
        "--reuse", help="A study whose results are reused where they hold; 'all' for every one."
    ),
]
Fork = Annotated[
    str | None,
    typer.Option(
        "--fork",
        help="Start this new study from --study: take over its results that hold here.",
    ),
]
WarmStart = Annotated[
    str | None,
    typer.Option("--warm-start", help="A study whose results the strategy starts from."),
]
Workers = Annotated[
    int | None,
    typer.Option("--workers", min=1, max=512, help="Processes; one a core up to 4, or one a GPU."),
]
Ray = Annotated[
    str | None,
    typer.Option(
        "--ray",
        metavar="ADDRESS",
        help="Let Ray place the workers: local, auto, host:port; see docs/machines.md.",
    ),
]
GpusPerWorker = Annotated[
    float | None,
    typer.Option("--gpus-per-worker", min=0.0, help="With --ray: 0.25 lets four share a GPU."),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]
Trials = Annotated[
    int | None, typer.Option("--trials", min=1, help="Trials the study shall have in all.")
]
Timeout = Annotated[
    float | None, typer.Option("--timeout", help="Seconds it may take, over all its runs.")
]
EpochsBudget = Annotated[
    float | None, typer.Option("--epochs-budget", help="Epochs it may train, over all its runs.")
]
