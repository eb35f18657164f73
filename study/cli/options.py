"""Flags and arguments that several commands share, alone and in groups."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from study.common.artifact_path import ArtifactPath, artifact_path
from study.common.errors import SettingsError
from study.common.stop import Stop
from study.settings.metrics import MEASURES
from study.settings.run_context import RunContext
from study.storage.url import DEFAULT_URL

if TYPE_CHECKING:
    from study.running.ray_workers import RayCluster
    from study.running.worker import StudyObserver

Study = Annotated[str, typer.Argument(help="Name of the study.")]
Space = Annotated[str, typer.Argument(help="A shipped space (seed, small, stages) or a file.")]

DATASET = "A MedMNIST flag, 'digits', or a .npz in MedMNIST's layout."
Dataset = Annotated[str, typer.Option(help=DATASET)]
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
    typer.Option(envvar="OPTUNA_STORAGE", help="Optuna storage URL.", show_default=DEFAULT_URL),
]
DataRoot = Annotated[
    Path | None, typer.Option(help="Folder of data sets; by default, that of medmnist.")
]
Artifacts = Annotated[
    ArtifactPath | None,
    typer.Option(
        parser=artifact_path,
        metavar="FOLDER",
        help="Folder or URL of checkpoints; by default, 'artifacts' beside the storage.",
    ),
]
Device = Annotated[str | None, typer.Option(help="cpu, cuda or cuda:N; by default, the fastest.")]
Workers = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=512,
        help="Processes; by default, one for each GPU, else one for each core, at most 4.",
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]


def default_workers() -> int:
    """Return one worker per processor core, four at most."""
    return min(4, len(os.sched_getaffinity(0)))


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextOptions:
    """Flags that say where a command works."""

    storage: Storage = DEFAULT_URL
    data_root: DataRoot = None
    artifacts: Artifacts = None
    device: Device = None

    @property
    def run_context(self) -> RunContext:
        """Where the command works."""
        return RunContext(
            url=self.storage,
            data_root=self.data_root,
            artifacts=self.artifacts,
            device=self.device,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingOptions(ContextOptions):
    """Flags of the commands that train."""

    stop: Stop
    workers: Workers = None
    quiet: Quiet = False

    @property
    def processes(self) -> int:
        """Number of processes: as asked for, else one for each GPU or core."""
        if self.workers is not None:
            return self.workers
        if self.device != "cpu":
            from study.common.machine import gpu_count

            if gpus := gpu_count():
                return gpus
        return default_workers()

    @property
    def observers(self) -> tuple[StudyObserver, ...]:
        """What shows a study that this process starts: terminal and dashboard."""
        from study.dashboard.observers import PageRefresh, TrialPictures

        shown = (PageRefresh(artifacts=self.artifacts), TrialPictures(artifacts=self.artifacts))
        return (*progress_of(quiet=self.quiet), *shown)


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyOptions(TrainingOptions):
    """Flags of the commands that run a study: its limits, and how its workers are started."""

    trials: Annotated[int | None, typer.Option(min=1, help="Trials of the study in total.")] = None
    timeout: Annotated[
        float | None, typer.Option(help="Seconds of the study in total, over all runs.")
    ] = None
    epochs_budget: Annotated[
        float | None, typer.Option(help="Epochs of the study in total, over all runs.")
    ] = None
    ray: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Start the workers with Ray: local, auto, host:port; see docs/machines.md.",
        ),
    ] = None
    gpus_per_worker: Annotated[
        float | None, typer.Option(min=0.0, help="With --ray: 0.25 lets four share a GPU.")
    ] = None

    @property
    def backend(self) -> RayCluster | None:
        """What starts workers with Ray; None where ``--ray`` is not given."""
        if self.ray is None:
            if self.gpus_per_worker is not None:
                raise SettingsError("--gpus-per-worker needs --ray; add --ray ADDRESS")
            return None
        from study.dashboard.observers import TrialPictures
        from study.running.ray_workers import RayCluster

        pictures = TrialPictures(artifacts=self.artifacts)
        return RayCluster(
            address=self.ray, gpus=self.gpus_per_worker or 0.0, observers=(pictures,)
        )


def progress_of(*, quiet: bool) -> tuple[StudyObserver, ...]:
    """Return what shows the progress on the terminal; nothing where it is to be quiet."""
    if quiet:
        return ()
    from study.running.progress import Progress

    return (Progress(),)
