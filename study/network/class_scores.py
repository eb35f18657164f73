"""A network's class scores for many images, in batches that fit into memory."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from study.search_space.resolve import Stack

LARGEST_BATCH = 256
"""Larger batches are no faster on a processor's core."""

_MEMORY = 256 << 20  # bytes of feature maps at a time


def class_scores(
    network: nn.Module, images: Tensor, *, stack: Stack, feed: Callable[[Tensor], Tensor]
) -> Tensor:
    """Return class scores (logits), float32 (n, classes) on the CPU.

    Args:
        network: In evaluation mode.
        images: uint8 (n, channels, size, size).
        stack: The network's layers, by which the batch is sized.
        feed: From a batch of images to what the network takes, as ``normalise``.
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
    """Return how many images to classify at a time: as many as memory allows, 256 at most."""
    pixels = stack.image.channels * stack.image.size**2
    widest = max((block.out_channels * block.size_conv**2 for block in stack.blocks), default=0)
    values = 3 * max(pixels, widest)  # a residual block holds three maps at once
    return max(1, min(LARGEST_BATCH, _MEMORY // (4 * values)))
