"""How fast this machine trains a space's networks, measured in a few seconds."""

from __future__ import annotations

import time
from dataclasses import replace
from statistics import median

import torch

from study.common.errors import StudyError
from study.performance_estimation.failures import TrainingFailure
from study.performance_estimation.training.precision import probe_precision
from study.performance_estimation.training.training import TrainingData, TrainingSettings, train
from study.search_space.candidate import RECIPE_FIELDS, Candidate, ImageFormat
from study.search_space.extremes import drawn_inside
from study.search_space.resolve import resolve
from study.search_space.space import SearchSpace

_IMAGES = 2_048
_CANDIDATES = 5
_DRAWS = 200
_SMALLEST_RATE = RECIPE_FIELDS["learning_rate"].low


def images_per_second(space: SearchSpace, image: ImageFormat) -> float:
    """Return the median training speed of a few random candidates, on one thread.

    Each lies inside the constraints, is trained for one epoch on random images and validated on
    one batch. The learning rate is the smallest, so that none diverges; it changes no speed.

    Raises:
        StudyError: A candidate cannot be trained on this machine.
    """
    candidates = [space.candidate(v) for v in drawn_inside(space, image, _DRAWS)[:_CANDIDATES]]
    data = _random_images(image)
    precision = probe_precision(torch.device("cpu")).precision
    settings = TrainingSettings(seed=0, epochs=1, precision=precision)
    try:
        return median(_speed(candidate, image, data, settings) for candidate in candidates)
    except TrainingFailure as failure:
        raise StudyError(
            f"--time: a candidate cannot be trained on this machine: {failure}; leave --time out"
            " for a guess"
        ) from failure


def _random_images(image: ImageFormat) -> TrainingData:
    generator = torch.Generator().manual_seed(0)
    shape = (_IMAGES, image.channels, image.size, image.size)
    images = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
    labels = torch.arange(_IMAGES) % image.classes
    return TrainingData(
        train_images=images,
        train_labels=labels,
        val_images=images[:64],
        val_labels=labels[:64],
    )


def _speed(
    candidate: Candidate, image: ImageFormat, data: TrainingData, settings: TrainingSettings
) -> float:
    recipe = replace(candidate.recipe, learning_rate=_SMALLEST_RATE)
    start = time.perf_counter()
    train(resolve(candidate.architecture, image), recipe, data, settings=settings)
    return _IMAGES / (time.perf_counter() - start)
