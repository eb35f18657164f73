"""A network's weights as bytes."""

from __future__ import annotations

import hashlib

import torch
from safetensors.torch import save
from torch import nn


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
