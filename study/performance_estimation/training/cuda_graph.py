"""Gradients of one batch from a CUDA graph.

Small networks spend a GPU's time on launching kernels, one by one; a graph launches those of a
whole forward and backward pass at once.
"""

from __future__ import annotations

import logging

import torch
from torch import Tensor

from study.network.blocks import Dropout, reseed_dropout
from study.performance_estimation.training.gradients import EagerGradients, Gradients

_LOG = logging.getLogger(__name__)

_WARM_UPS = 3
"""Passes before the capture, as PyTorch's notes on CUDA graphs ask for."""


class GraphedGradients:
    """Replays the pass of one batch size; batches of another size go through ``eager``.

    The optimiser stays outside: its fused step is one launch, and the learning rate can change.

    Args:
        eager: What is captured.
        images: A batch of the size to capture, uint8 (n, c, h, w) on the GPU.
        labels: Its labels, int64 (n,).
    """

    def __init__(self, eager: EagerGradients, images: Tensor, labels: Tensor) -> None:
        self._eager = eager
        self._images, self._labels = images.clone(), labels.clone()
        self._graph = torch.cuda.CUDAGraph()
        self._loss = self._capture()
        self._gradients = [p.grad for p in eager.network.parameters()]

    def __call__(self, images: Tensor, labels: Tensor, *, seed: int) -> Tensor:
        """See ``Gradients``."""
        if images.shape != self._images.shape:
            return self._eager(images, labels, seed=seed)
        network = self._eager.network
        reseed_dropout(network, seed, images.device)
        self._images.copy_(images)
        self._labels.copy_(labels)
        self._graph.replay()
        for parameter, gradient in zip(network.parameters(), self._gradients, strict=True):
            parameter.grad = gradient  # an eager batch in between put its own there
        return self._loss.clone()

    def _capture(self) -> Tensor:
        """Warm up on a side stream, capture one pass, and put back what the passes moved."""
        network = self._eager.network
        before = {name: value.clone() for name, value in network.state_dict().items()}
        side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(_WARM_UPS):
                self._eager(self._images, self._labels, seed=0)
        torch.cuda.current_stream().wait_stream(side)
        network.zero_grad(set_to_none=True)
        for layer in network.modules():
            if isinstance(layer, Dropout) and layer.generator is not None:
                self._graph.register_generator_state(layer.generator)
        with torch.cuda.graph(self._graph):
            loss = self._eager.add(self._images, self._labels)
        network.load_state_dict(before)  # running statistics of batch normalisation
        return loss


def graphed_if_possible(eager: EagerGradients, images: Tensor, labels: Tensor) -> Gradients:
    """Return graphed gradients on a GPU; ``eager`` itself elsewhere and where capture fails."""
    if images.device.type != "cuda":
        return eager
    try:
        return GraphedGradients(eager, images, labels)
    except RuntimeError as error:  # out of memory too: eager halves its micro-batch
        _LOG.warning("no CUDA graph: %s", str(error).partition("\n")[0])
        eager.network.zero_grad(set_to_none=True)
        return eager
