"""Resample square images exactly: integer weights, so every machine gives the same bytes.

Down: the mean over the area that a new pixel covers. Up: bilinear, pixel centres aligned at half
positions and edges repeated (the ``align_corners=False`` of torch). The weights are whole
numbers, so float64 sums are exact in any order and only the last division rounds (half up).
Pillow's resampling rounds to a byte after each of its two passes, so its bytes differ.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from study.data.parts import Images

_CHUNK = 4096  # images; as float64, grey ones of 64 x 64 pixels take 134 MB


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
        position = min(max((2 * row + 1) * old - new, 0), (old - 1) * 2 * new)  # in 1 / (2 * new)
        left, share = divmod(position, 2 * new)
        weights[row, left] += 2 * new - share
        weights[row, min(left + 1, old - 1)] += share
    return weights, 2 * new


def resize(images: Images, size: int, *, brightest: int = 255) -> Images:
    """Resample images ``(n, channels, old, old)`` to ``(n, channels, size, size)``.

    It returns ``images`` itself where nothing changes.

    Args:
        brightest: The value that becomes 255. Every other value is scaled by the same factor.
    """
    if size < 1:
        raise ValueError(f"size must be at least 1 pixel, but got {size=}")
    old = images.shape[-1]
    if size == old and brightest == 255:
        return images
    weights, total = resampling_weights(old, size)
    whole = brightest * total**2
    resized = np.empty((*images.shape[:2], size, size), dtype=np.uint8)
    for start in range(0, len(images), _CHUNK):
        block = images[start : start + _CHUNK].astype(np.float64, order="C")
        block = weights @ block @ weights.T * 255
        resized[start : start + _CHUNK] = np.floor((block * 2 + whole) / (2 * whole))
    return resized
