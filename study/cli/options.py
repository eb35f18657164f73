"""Flags and arguments that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from study.common.artifact_path import ArtifactPath, artifact_path
from study.settings.metrics import MEASURES
from study.storage.url import DEFAULT_URL

Study = Annotated[str, typer.Argument(help="Name of the study.")]
Space = Annotated[str, typer.Argument(help="A shipped space (seed, small, stages) or a file.")]
Bundle = Annotated[Path, typer.Argument(help="Folder that 'export' wrote.", metavar="DIR")]

_DATASET = "A MedMNIST flag, 'digits', or a .npz in MedMNIST's layout."
DatasetArgument = Annotated[str, typer.Argument(help=_DATASET)]
Dataset = Annotated[str, typer.Option(help=_DATASET)]
Size = Annotated[int, typer.Option(help="Size of MedMNIST's images, in pixels.")]
Split = Annotated[str, typer.Option(help="official, or pooled (70/30, drawn with --seed).")]
DropLeaks = Annotated[
    bool,
    typer.Option("--drop-leaks", help="Leave out training images that are also in val or test."),
]
Metric = Annotated[str, typer.Option(help=f"One of {', '.join(MEASURES)}.")]
Epochs = Annotated[
    int | None,
    typer.Option(min=1, help="Epochs of a full training; by default, those of the space."),
]
Precision = Annotated[str, typer.Option(help="auto, float32 or bfloat16.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of every random number.")]
Storage = Annotated[
    str,
    typer.Option(
        "--storage", envvar="OPTUNA_STORAGE", help="Optuna storage URL.", show_default=DEFAULT_URL
    ),
]
DataRoot = Annotated[
    Path | None,
    typer.Option("--data-root", help="Folder of data sets; by default, that of medmnist."),
]
Artifacts = Annotated[
    ArtifactPath | None,
    typer.Option(
        "--artifacts",
        parser=artifact_path,
        metavar="FOLDER",
        help="Folder or URL of checkpoints; by default, 'artifacts' beside the storage.",
    ),
]
Device = Annotated[
    str | None, typer.Option("--device", help="cpu, cuda or cuda:N; by default, the fastest.")
]
Reuse = Annotated[
    list[str] | None,
    typer.Option(
        "--reuse",
        help="Reuse the valid results of this study; 'all' for every study.",
    ),
]
Fork = Annotated[
    str | None,
    typer.Option(
        "--fork", help="Start this new study from --study, with its results that are valid here."
    ),
]
WarmStart = Annotated[
    str | None,
    typer.Option("--warm-start", help="A study whose results the strategy starts from."),
]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        min=1,
        max=512,
        help="Processes; by default, one for each GPU, else one for each core, at most 4.",
    ),
]
Ray = Annotated[
    str | None,
    typer.Option(
        "--ray",
        metavar="ADDRESS",
        help="Start the workers with Ray: local, auto, host:port; see docs/machines.md.",
    ),
]
GpusPerWorker = Annotated[
    float | None,
    typer.Option("--gpus-per-worker", min=0.0, help="With --ray: 0.25 lets four share a GPU."),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]
Trials = Annotated[
    int | None, typer.Option("--trials", min=1, help="Trials of the study in total.")
]
Timeout = Annotated[
    float | None, typer.Option("--timeout", help="Seconds of the study in total, over all runs.")
]
EpochsBudget = Annotated[
    float | None,
    typer.Option("--epochs-budget", help="Epochs of the study in total, over all runs."),
]
