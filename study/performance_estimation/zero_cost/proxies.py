"""Zero-cost proxies: numbers read off an untrained network that may foretell a trained one's rank.

Definitions follow Abdelfattah et al. (arXiv 2101.08134) and the sources named below. A proxy gets
a freshly drawn network, images (n, c, h, w) scaled to [-1, 1] and labels (n,); larger is better.
It may change the network, which nobody uses again. Dropout is off and batch normalisation uses
the statistics of the batch, unless said otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from study.network.blocks import ACTIVATIONS, Dropout

Proxy = Callable[[nn.Module, Tensor, Tensor], Tensor]

STABILISER = 1e-5
"""Added to eigenvalues by ``jacob_cov`` (Mellor et al., arXiv 2006.04647v1, sec. 3)."""

RIDGE = 1e-3
"""Added to the diagonal by ``naswot``, whose entries are whole numbers: keeps the score finite
where a small network gives two images one code, and is nothing where it does not."""


def grad_norm(network: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    """Return the sum over layers of the Euclidean norm of the loss's gradient."""
    _loss_gradients(network, images, labels)
    return torch.stack([_gradient(weight).norm() for weight in _weights(network)]).sum()


def snip(network: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    """Return Σ |weight · gradient of the loss| (Lee et al., arXiv 1810.02340)."""
    _loss_gradients(network, images, labels)
    return _saliency(network)


def synflow(network: nn.Module, images: Tensor, labels: Tensor) -> Tensor:  # noqa: ARG001
    """Return the logarithm of Σ |weight · gradient of the flow| (Tanaka et al., 2006.05467).

    The flow is the sum of the outputs for an image of ones, all parameters replaced by their
    absolute values, without normalisation and with every activation linear. In float64: it grows
    by the root of every layer's width.
    """
    _linearise(network)
    network.double()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.abs_()
    network(torch.ones_like(images[:1], dtype=torch.float64)).sum().backward()
    return _saliency(network).log()


def jacob_cov(network: nn.Module, images: Tensor, labels: Tensor) -> Tensor:  # noqa: ARG001
    """Return how little the images' Jacobians correlate (Mellor et al., arXiv 2006.04647v1)."""
    inputs = images.detach().clone().requires_grad_()
    network(inputs).sum().backward()
    correlation = torch.corrcoef(_gradient(inputs).flatten(1).double())
    if not correlation.isfinite().all():  # an image without influence; eigvalsh would raise
        return correlation.new_tensor(math.nan)
    spread = torch.linalg.eigvalsh(correlation).clamp(min=0) + STABILISER
    return -torch.sum(spread.log() + 1 / spread)


def naswot(network: nn.Module, images: Tensor, labels: Tensor) -> Tensor:  # noqa: ARG001
    """Return the log-determinant of how many units agree (Mellor et al., arXiv 2006.04647v3).

    A unit's code is whether what enters its activation is positive, which is ReLU's own code and
    is used for SiLU and GELU too.
    """
    kernel = torch.zeros(len(images), len(images), dtype=torch.float64, device=images.device)

    def add(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        codes = (inputs[0].flatten(1) > 0).double()
        kernel.add_(codes @ codes.T).add_((1 - codes) @ (1 - codes).T)

    for layer in network.modules():
        if isinstance(layer, _ACTIVATIONS):
            layer.register_forward_pre_hook(add)
    with torch.no_grad():
        network(images)
    kernel.diagonal().add_(RIDGE)
    return torch.logdet(kernel)


PROXIES: Mapping[str, Proxy] = MappingProxyType(
    {
        "synflow": synflow,
        "jacob_cov": jacob_cov,
        "naswot": naswot,
        "grad_norm": grad_norm,
        "snip": snip,
    }
)

_ACTIVATIONS = tuple(type(make()) for name, make in ACTIVATIONS.items() if name != "none")


def ready(network: nn.Module) -> nn.Module:
    """Put a network into the mode that proxies read it in: training, but without dropout."""
    network.train()
    for layer in network.modules():
        if isinstance(layer, Dropout):
            layer.eval()
    return network


def proxy_batch(labels: Tensor, size: int) -> Tensor:
    """Return the places of ``size`` images, the classes in turn as long as they last.

    Args:
        labels: int64 (n,).
        size: Images wanted; fewer where there are fewer.
    """
    one_hot = F.one_hot(labels)
    rank = (one_hot.cumsum(0) * one_hot).sum(1)  # 1 for the first image of a class, 2 for the next
    return (rank * one_hot.shape[1] + labels).argsort()[:size]


def _loss_gradients(network: nn.Module, images: Tensor, labels: Tensor) -> None:
    F.cross_entropy(network(images).float(), labels).backward()  # type: ignore[no-untyped-call]


@torch.no_grad()
def _saliency(network: nn.Module) -> Tensor:
    """Return Σ |weight · its gradient| over convolutions and linear layers."""
    return torch.stack([(w * _gradient(w)).abs().sum() for w in _weights(network)]).sum()


def _weights(network: nn.Module) -> Iterator[Tensor]:
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            yield layer.weight


def _gradient(tensor: Tensor) -> Tensor:
    assert tensor.grad is not None
    return tensor.grad


def _linearise(network: nn.Module) -> None:
    """Replace normalisations and activations by the identity."""
    for layer in list(network.modules()):
        for name, child in layer.named_children():
            if isinstance(child, (nn.BatchNorm2d, *_ACTIVATIONS)):
                setattr(layer, name, nn.Identity())
