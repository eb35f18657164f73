"""Builds the network that a stack of layers describes, and writes its weights as bytes."""

from __future__ import annotations

import hashlib
import math

import torch
from safetensors.torch import save
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


def weights_of(network: nn.Module) -> bytes:
    """Return a network's weights as safetensors; the same weights give the same bytes."""
    tensors = {
        name: tensor.detach().cpu().contiguous(memory_format=torch.contiguous_format)
        for name, tensor in network.state_dict().items()
    }
    content: bytes = save(tensors, metadata={"format": "pt"})
    return content


def sha256(content: bytes) -> str:
    """Return the SHA-256 of some bytes in hexadecimal."""
    return hashlib.sha256(content).hexdigest()
