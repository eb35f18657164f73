"""Resample square images exactly: integer weights, so every machine gives the same bytes.

Down: the mean over the area that a new pixel covers. Up: bilinear, pixel centres aligned at half
positions and edges repeated (the ``align_corners=False`` of torch). With weights that are whole
numbers, float64 sums are exact in any order, and only the last division rounds (half up).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

_CHUNK = 4096  # images; bounds the float64 copy to 100 MB at 64 x 64 RGB and half that at rest


def resampling_weights(old: int, new: int) -> tuple[NDArray[np.float64], int]:
    """Return whole-number weights ``(new, old)`` and the number that every row sums to."""
    weights = np.zeros((new, old))
    if new <= old:
        for row in range(new):
            start = row * old // new
            for column in range(start, old):
                overlap = min((row + 1) * old, (column + 1) * new) - max(row * old, column * new)
                weights[row, column] = max(overlap, 0)
        return weights, old
    for row in range(new):
        place = min(max((2 * row + 1) * old - new, 0), (old - 1) * 2 * new)  # in 1 / (2 * new)
        left, share = divmod(place, 2 * new)
        weights[row, left] += 2 * new - share
        weights[row, min(left + 1, old - 1)] += share
    return weights, 2 * new


def resize(images: torch.Tensor, size: int) -> torch.Tensor:
    """Resample images to another size, the same bytes on every machine.

    Args:
        images: ``(n, channels, old, old)``, uint8.
        size: New height and width in pixels.

    Returns:
        ``(n, channels, size, size)``, uint8; ``images`` itself when the size is theirs.

    Raises:
        ValueError: ``size`` is less than 1.
    """
    import torch

    if size < 1:
        raise ValueError(f"size must be at least 1 pixel, but got {size=}")
    old = images.shape[-1]
    if size == old:
        return images
    table, total = resampling_weights(old, size)
    weights = torch.from_numpy(table)
    resized = torch.empty((*images.shape[:2], size, size), dtype=torch.uint8)
    for start in range(0, len(images), _CHUNK):
        block = weights @ images[start : start + _CHUNK].double() @ weights.T
        resized[start : start + _CHUNK] = ((block * 2 + total**2) / (2 * total**2)).floor()
    return resized
