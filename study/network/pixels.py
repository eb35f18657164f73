"""What every network is fed: uint8 pixels scaled to [-1, 1]."""

from __future__ import annotations

import torch
from torch import Tensor

MIDDLE = 127.5
"""Half of the uint8 range; MedMNIST's own transform, ``Normalize(mean=.5, std=.5)``."""


def normalise(images: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """Return uint8 images (n, c, h, w) as floats in [-1, 1], channels last in memory.

    The scaling is done in ``dtype``; the 256 levels stay apart in bfloat16's 8 bits too, because
    whole numbers up to 256 are exact there and the scaling is by (all but) a power of two.
    """
    scaled = images.to(dtype, memory_format=torch.channels_last)
    return scaled.sub_(MIDDLE).mul_(1 / MIDDLE)
