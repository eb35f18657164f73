"""Stack → network."""

from __future__ import annotations

import torch
from torch import Generator, nn

from study.network.blocks import BLOCKS, head, initialise
from study.search_space.resolve import Stack


def build(stack: Stack, *, generator: Generator) -> nn.Sequential:
    """Return the network that ``stack`` describes, its weights drawn from ``generator``.

    It maps images (n, channels, size, size) as ``normalise`` returns them to class scores
    (n, classes) of the same floating type. Its first ``len(stack.blocks)`` layers are the blocks,
    the last is the head. The global generator is neither read nor moved.
    """
    with torch.device("meta"):  # no weights yet: those would come from the global generator
        network = nn.Sequential(
            *(BLOCKS[block.operation](block) for block in stack.blocks), head(stack.head)
        )
    network.to_empty(device=generator.device)
    initialise(network, generator)
    return network.to(memory_format=torch.channels_last)
