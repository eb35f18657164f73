"""How fast this machine trains a space's networks, measured in a few seconds."""

from __future__ import annotations

import time
from statistics import median

import numpy as np
import torch

from study.performance_estimation.precision import probe_precision
from study.performance_estimation.training import TrainingData, TrainingSettings, train
from study.search_space.candidate import ImageFormat
from study.search_space.resolve import resolve
from study.search_space.space import SearchSpace

_IMAGES = 2_048
_CANDIDATES = 5


def images_per_second(space: SearchSpace, image: ImageFormat) -> float:
    """Return the median training speed of a few random candidates, on one thread.

    Each is trained for one epoch on random images and validated on one batch.
    """
    shape = (_IMAGES, image.channels, image.size, image.size)
    images = torch.zeros(shape, dtype=torch.uint8)
    labels = torch.arange(_IMAGES) % image.classes
    data = TrainingData(
        train_images=images,
        train_labels=labels,
        val_images=images[:64],
        val_labels=labels[:64],
    )
    precision = probe_precision(torch.device("cpu")).precision
    rng = np.random.default_rng(0)
    return median(_speed(space, image, data, precision, rng) for _ in range(_CANDIDATES))


def _speed(
    space: SearchSpace,
    image: ImageFormat,
    data: TrainingData,
    precision: str,
    rng: np.random.Generator,
) -> float:
    candidate = space.candidate(space.sample(rng))
    settings = TrainingSettings(seed=0, epochs=1, precision=precision)
    start = time.perf_counter()
    train(resolve(candidate.architecture, image), candidate.recipe, data, settings=settings)
    return _IMAGES / (time.perf_counter() - start)
