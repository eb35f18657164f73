"""The parts of a data set, the pooled cut, and subsets that keep the shares of the classes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Images = NDArray[np.uint8]
Labels = NDArray[np.int64]

OFFICIAL = "official"
POOLED = "pooled"
SPLITS = (OFFICIAL, POOLED)

_POOLED_PURPOSE = 0x9001  # separates the draws from others that start from the same seed
_STRATIFIED_PURPOSE = 0x57A7


@dataclass(frozen=True, slots=True)
class Part:
    """The name of a part of a data set. Only ``locked_test.py`` makes the one of the test part."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class PooledCut:
    """The 70/30 cut of all images of a data set.

    Args:
        train: Indices into train, val and test laid end to end, int64.
        val: As ``train``.
        test_in_train: Number of official test images in the training part.
        test_in_val: Number of official test images in the validation part.
    """

    train: NDArray[np.int64]
    val: NDArray[np.int64]
    test_in_train: int
    test_in_val: int


def pooled_cut(*, train: int, val: int, test: int, seed: int) -> PooledCut:
    """Shuffle all images and cut them 70/30. ``train``, ``val`` and ``test`` are their numbers."""
    total = train + val + test
    order = np.random.default_rng([_POOLED_PURPOSE, seed]).permutation(total)
    cut = total * 7 // 10
    in_train = int(np.count_nonzero(order[:cut] >= train + val))
    return PooledCut(
        train=order[:cut], val=order[cut:], test_in_train=in_train, test_in_val=test - in_train
    )


def shuffled_classes(labels: Labels, seed: int) -> list[NDArray[np.int64]]:
    """Return the shuffled indices of each class that occurs, classes in ascending order."""
    generator = np.random.default_rng([_STRATIFIED_PURPOSE, seed])
    classes = np.unique(labels)
    return [generator.permutation(np.flatnonzero(labels == label)) for label in classes]


def stratified_subset(labels: Labels, fraction: float, seed: int) -> NDArray[np.int64]:
    """Draw a share of every class, as ascending indices. The same seed gives the same images.

    The images of a smaller fraction are among those of a larger one, so that a candidate that is
    promoted to a higher fidelity sees all images it has seen before.

    Args:
        fraction: Share of each class, above 0 and at most 1. It is rounded to whole images, at
            least one of each class.
    """
    if not 0 < fraction <= 1:
        raise ValueError(f"0 < fraction <= 1 must hold, but got {fraction=}")
    groups = shuffled_classes(labels, seed)
    chosen = [group[: max(1, int(fraction * len(group) + 0.5))] for group in groups]
    return np.sort(np.concatenate(chosen))
