"""Zero-cost proxies: scores of an untrained network that may predict the rank of a trained one.

Definitions follow Abdelfattah et al. (arXiv 2101.08134) and the sources named below. A proxy gets
a new network, images (n, c, h, w) scaled to [-1, 1] and labels (n,); larger is better. It may
change the network, which is not used again. Dropout is off and batch normalisation uses the
statistics of the batch, unless said otherwise. No proxy depends on the recipe.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from study.network.blocks import ACTIVATIONS, Dropout
from study.network.build import build
from study.network.forward import normalise
from study.performance_estimation.estimator import (
    Estimate,
    EstimateFailed,
    EstimatorContext,
    Report,
    Step,
)
from study.performance_estimation.training.data import training_data
from study.performance_estimation.training.gradients import failing_without_memory
from study.performance_estimation.training.process import (
    derived_generator,
    derived_seed,
    one_thread,
)
from study.search_space.candidate import Candidate, ImageFormat
from study.search_space.resolve import Stack, architecture_id, complexity, resolve

Proxy = Callable[[nn.Module, Tensor, Tensor], Tensor]

STABILISER = 1e-5
"""Added to eigenvalues by ``jacob_cov`` (Mellor et al., arXiv 2006.04647v1, sec. 3)."""

RIDGE = 1e-3
"""Added by ``naswot`` to the diagonal of a matrix of whole numbers. It keeps the score finite
where a small network gives two images the same code, and hardly matters otherwise."""


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

    The flow is the sum of the outputs for an image of ones, with the absolute values of all
    parameters, without normalisation and with linear activations. In float64, because it grows by
    the root of every layer's width.
    """
    _linearise(network)
    network.double()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.abs_()
    network(torch.ones_like(images[:1], dtype=torch.float64)).sum().backward()
    return _saliency(network).log()


def jacob_cov(network: nn.Module, images: Tensor, labels: Tensor) -> Tensor:  # noqa: ARG001
    """Return how weakly the images' Jacobians correlate (Mellor et al., arXiv 2006.04647v1)."""
    inputs = images.detach().clone().requires_grad_()
    network(inputs).sum().backward()
    correlation = torch.corrcoef(_gradient(inputs).flatten(1).double())
    if not correlation.isfinite().all():  # an image without influence; eigvalsh would raise
        return correlation.new_tensor(math.nan)
    spread = torch.linalg.eigvalsh(correlation).clamp(min=0) + STABILISER
    return -torch.sum(spread.log() + 1 / spread)


def naswot(network: nn.Module, images: Tensor, labels: Tensor) -> Tensor:  # noqa: ARG001
    """Return the log-determinant of how many units agree (Mellor et al., arXiv 2006.04647v3).

    A unit's code is whether the input of its activation is positive. This is ReLU's own code; SiLU
    and GELU use it too.
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
    {proxy.__name__: proxy for proxy in (synflow, jacob_cov, naswot, grad_norm, snip)}
)

_ACTIVATIONS = tuple(type(make()) for name, make in ACTIVATIONS.items() if name != "none")


@dataclass(frozen=True, slots=True, kw_only=True)
class ZeroCostEstimator:
    """Scores every candidate on the same few images.

    Args:
        proxy: A name of ``PROXIES``; also the name of the metric.
        images: uint8 (n, c, h, w), all different.
        labels: int64 (n,).
        seed: The study's. The weights depend on it and on the network. With the candidate's own
            seed, the recipe with the luckiest weights would win.
    """

    proxy: str
    image: ImageFormat
    images: Tensor
    labels: Tensor
    initialisations: int = 3
    seed: int = 0

    @classmethod
    def for_study(
        cls, context: EstimatorContext, *, proxy: str, images: int, initialisations: int
    ) -> ZeroCostEstimator:
        data = training_data(context)
        chosen = proxy_batch(data.train_labels, images)
        return cls(
            proxy=proxy,
            image=context.image,
            images=data.train_images[chosen],
            labels=data.train_labels[chosen],
            initialisations=initialisations,
            seed=context.seed,
        )

    def estimate(self, candidate: Candidate, *, seed: int, report: Report) -> Estimate:
        """Return the score of the untrained network; ``seed`` has no effect."""
        start = time.perf_counter()
        weights = derived_seed(
            self.seed, "network", architecture_id(candidate.architecture, self.image)
        )
        value = score(
            resolve(candidate.architecture, self.image),
            self.images,
            self.labels,
            proxy=self.proxy,
            seed=weights,
            initialisations=self.initialisations,
        )
        seconds = time.perf_counter() - start
        report(Step(number=1, metrics={self.proxy: value}, seconds=seconds))
        return Estimate(metrics={self.proxy: value}, seconds=seconds, facts={"seed": weights})


def score(
    stack: Stack,
    images: Tensor,
    labels: Tensor,
    *,
    proxy: str,
    seed: int,
    initialisations: int = 3,
) -> float:
    """Return the mean score of a network over several initialisations; larger is better.

    Args:
        images: uint8 (n, c, h, w).

    Raises:
        EstimateFailed: The score is not finite, for example where the network gives every image
            the same scores, or memory ran out.
    """
    values = []
    for drawing in range(initialisations):
        with failing_without_memory():
            network = build(stack, generator=derived_generator(seed, "zero-cost", drawing))
            network.to(images.device)
            with one_thread():
                value = PROXIES[proxy](ready(network), normalise(images), labels)
        values.append(float(value.detach()))
    mean = sum(values) / len(values)
    if not math.isfinite(mean):
        size = complexity(stack).parameters
        text = f"{proxy} is {mean} for this network of {size} parameters"
        raise EstimateFailed("non-finite", text)
    return mean


def ready(network: nn.Module) -> nn.Module:
    """Set a network to training mode, but without dropout, and return it."""
    network.train()
    for layer in network.modules():
        if isinstance(layer, Dropout):
            layer.eval()
    return network


def proxy_batch(labels: Tensor, size: int) -> Tensor:
    """Return the indices of ``size`` images or all, of each class in turn until it is used up."""
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
