"""A small candidate and small data, for tests of estimators."""

from __future__ import annotations

import torch

from study.performance_estimation.estimator import Step
from study.performance_estimation.training.data import TrainingData
from study.search_space.candidate import Architecture, Candidate, ImageFormat, Recipe

IMAGE = ImageFormat(size=14)
CANDIDATE = Candidate(
    architecture=Architecture(conv_layers=1, channels=4, hidden_units=8, norm="batch"),
    recipe=Recipe(batch_size=16, epochs=3),
)


def small_data(*, train: int = 48, val: int = 32, image: ImageFormat = IMAGE) -> TrainingData:
    """Return images whose classes differ in brightness, with noise; the same at every call."""
    generator = torch.Generator().manual_seed(5)
    parts = []
    for count in (train, val):
        labels = torch.arange(count) % image.classes
        noise = torch.randint(
            0, 120, (count, image.channels, image.size, image.size), generator=generator
        )
        parts += [(noise + 40 * labels[:, None, None, None]).to(torch.uint8), labels]
    return TrainingData(
        train_images=parts[0], train_labels=parts[1], val_images=parts[2], val_labels=parts[3]
    )


def ignore(_: Step) -> None:
    """Do nothing with a report."""


class StopHere(Exception):  # noqa: N818 - stands for Optuna's TrialPruned
    """Raised by a report."""


def stop_here(_: Step) -> None:
    raise StopHere
