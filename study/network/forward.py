"""Images through a network: how pixels are scaled, and class scores in batches."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from study.search_space.resolve import Stack

MIDDLE = 127.5
"""Half of the uint8 range; MedMNIST's own transform, ``Normalize(mean=.5, std=.5)``."""

LARGEST_BATCH = 256
"""Larger batches are no faster on one CPU core."""

_MEMORY = 256 << 20  # bytes of feature maps at a time


def normalise(images: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """Return uint8 images (n, c, h, w) as floats in [-1, 1], channels last in memory.

    The scaling is computed in ``dtype``. The 256 levels also stay distinct in the 8 bits of
    bfloat16, because whole numbers up to 256 are exact and the factor is almost a power of two.
    """
    scaled = images.to(dtype, memory_format=torch.channels_last)
    return scaled.sub_(MIDDLE).mul_(1 / MIDDLE)


def class_scores(
    network: nn.Module, images: Tensor, *, stack: Stack, feed: Callable[[Tensor], Tensor]
) -> Tensor:
    """Return class scores (logits), float32 (n, classes) on the CPU.

    The network is in evaluation mode, ``images`` are uint8 (n, channels, size, size). ``feed``
    converts a batch of images to the network's input, for example ``normalise``.
    """
    device = next(network.parameters()).device
    batch = batch_size(stack)
    with torch.inference_mode():
        scores = [
            network(feed(images[start : start + batch].to(device))).float().cpu()
            for start in range(0, len(images), batch)
        ]
    return torch.cat(scores) if scores else torch.empty(0, stack.image.classes)


def batch_size(stack: Stack) -> int:
    """Return the number of images to classify at a time: limited by memory, 256 at most."""
    pixels = stack.image.channels * stack.image.size**2
    widest = max((block.out_channels * block.size_conv**2 for block in stack.blocks), default=0)
    values = 3 * max(pixels, widest)  # a residual block holds three maps at once
    return max(1, min(LARGEST_BATCH, _MEMORY // (4 * values)))
