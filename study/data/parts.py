"""The parts of a data set, and the shapes of their arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Images = NDArray[np.uint8]
Labels = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Part:
    """Names a part of a data set; the test part's is made in ``locked_test.py`` alone."""

    name: str


TRAIN = Part("train")
VAL = Part("val")


def channels_first(images: Images) -> Images:
    """View ``(n, size, size)`` or ``(n, size, size, c)`` as ``(n, c, size, size)``."""
    if images.ndim == 4 and images.shape[3] > 1:
        return np.moveaxis(images, -1, 1)
    return images.reshape(len(images), 1, *images.shape[1:3])  # with a contiguous array's strides


def channels_last(images: Images) -> Images:
    """View ``(n, channels, size, size)`` as ``(n, size, size, channels)``."""
    return np.moveaxis(images, 1, -1)
