"""Draw images class by class, so that a part of the data keeps the shares of the whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

_PURPOSE = 0x57A7  # keeps these draws apart from others that start from the same seed


def shuffled_classes(labels: NDArray[np.int64], seed: int) -> list[NDArray[np.int64]]:
    """Return the indices of each class that occurs, shuffled; classes in ascending order."""
    generator = np.random.default_rng([_PURPOSE, seed])
    classes = np.unique(labels)
    return [generator.permutation(np.flatnonzero(labels == label)) for label in classes]


def stratified_subset(labels: torch.Tensor, fraction: float, seed: int) -> torch.Tensor:
    """Choose a share of every class: the same images for everyone who gives the same seed.

    A smaller fraction's images are among a larger one's, so that a candidate that moves up to a
    higher fidelity sees all images it has seen before.

    Args:
        labels: ``(n,)``, int64.
        fraction: Share of each class, above 0 and at most 1; rounded to whole images, at least
            one of each class.
        seed: Any whole number from 0.

    Returns:
        Ascending indices into ``labels``, int64.

    Raises:
        ValueError: ``fraction`` is outside of (0, 1].
    """
    import torch

    if not 0 < fraction <= 1:
        raise ValueError(f"0 < fraction <= 1 must hold, but got {fraction=}")
    groups = shuffled_classes(labels.cpu().numpy(), seed)
    chosen = [group[: max(1, int(fraction * len(group) + 0.5))] for group in groups]
    return torch.from_numpy(np.sort(np.concatenate(chosen)))
