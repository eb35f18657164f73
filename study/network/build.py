"""Builds the network that a stack of layers describes, with its initial weights."""

from __future__ import annotations

import math

import torch
from torch import Generator, nn

from study.network.blocks import BLOCKS, head
from study.search_space.resolve import Stack


def build(stack: Stack, *, generator: Generator) -> nn.Sequential:
    """Return the network that ``stack`` describes, with weights drawn from ``generator``.

    The network maps normalised images (n, channels, size, size) to class scores (n, classes) of
    the same floating type. Its first ``len(stack.blocks)`` layers are the blocks, the last is the
    head. The global generator is neither read nor changed.
    """
    with torch.device("meta"):  # no weights yet: those would come from the global generator
        network = nn.Sequential(
            *(BLOCKS[block.operation](block) for block in stack.blocks), head(stack.head)
        )
    network.to_empty(device=generator.device)
    _initialise(network, generator)
    return network.to(memory_format=torch.channels_last)


def _initialise(network: nn.Module, generator: Generator) -> None:
    """Draw all weights from PyTorch's usual distributions, layer by layer from ``generator``.

    Uniform in ±1/√fan_in for convolutions and linear layers, biases included. This is what
    ``reset_parameters`` of ``nn.Conv2d`` and ``nn.Linear`` does with the global generator.
    """
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            bound = 1 / math.sqrt(layer.weight[0].numel())
            nn.init.uniform_(layer.weight, -bound, bound, generator=generator)
            if layer.bias is not None:
                nn.init.uniform_(layer.bias, -bound, bound, generator=generator)
        elif isinstance(layer, nn.BatchNorm2d):
            layer.reset_parameters()
