"""Gradients of one batch: whole, in parts where memory is short, or from a CUDA graph.

Launching kernels one by one takes most of a GPU's time for small networks. A graph launches those
of a whole forward and backward pass at once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Protocol, TypeVar

import torch
from torch import Tensor, nn

from study.network.blocks import Dropout, reseed_dropout
from study.network.forward import normalise
from study.performance_estimation.estimator import EstimateFailed
from study.performance_estimation.training.recipe import Loss

_LOG = logging.getLogger(__name__)

T = TypeVar("T")

DTYPES: Mapping[str, torch.dtype] = MappingProxyType(
    {"float32": torch.float32, "bfloat16": torch.bfloat16}
)
"""Precisions by the name that is stored with a study."""

_WARM_UPS = 3
"""Passes before the capture, as PyTorch's notes on CUDA graphs ask for."""

SMALLEST_MICRO_BATCH = 4
"""Images at a time below which running out of memory is final."""


class OutOfMemory(EstimateFailed):
    """Not even ``SMALLEST_MICRO_BATCH`` images fit into memory."""

    def __init__(self, *, micro_batch: int) -> None:
        super().__init__("out of memory", f"out of memory with {micro_batch} images at a time")


def _is_out_of_memory(error: Exception) -> bool:
    """Return whether an error means that memory ran out, on a GPU or not.

    The RuntimeError of PyTorch's CPU allocator is known by its text alone
    (``DefaultCPUAllocator``, c10/core/impl/alloc_cpu.cpp).
    """
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and "DefaultCPUAllocator" in str(error)


@contextmanager
def failing_without_memory() -> Iterator[None]:
    """Raise ``EstimateFailed`` where memory runs out for work that cannot be done in parts."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not _is_out_of_memory(error):
            raise
        text = str(error).partition("\n")[0] or type(error).__name__
        raise EstimateFailed("out of memory", text) from error


def in_parts(images: Tensor, labels: Tensor, size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Return images and labels in parts of ``size``."""
    return zip(torch.split(images, size), torch.split(labels, size), strict=True)


def until_it_fits(attempt: Callable[[], T], halve: Callable[[], None]) -> T:
    """Return the result of an attempt, repeated with fewer images at a time until memory suffices.

    Args:
        halve: Lowers the number of images at a time, or raises ``OutOfMemory``. Called outside
            ``except``, which would keep tensors alive.
    """
    while True:
        try:
            return attempt()
        except (RuntimeError, MemoryError) as error:
            if not _is_out_of_memory(error):
                raise
        halve()


def halved(tried: int) -> int:
    """Return the number of images at a time to try after ``tried`` were too many."""
    if tried <= SMALLEST_MICRO_BATCH:
        raise OutOfMemory(micro_batch=tried)
    fewer = max(tried // 2, SMALLEST_MICRO_BATCH)
    _LOG.warning("out of memory with %d images at a time: %d now", tried, fewer)
    return fewer


class Gradients(Protocol):
    """Leaves the gradients of a batch in the network's parameters."""

    def __call__(self, images: Tensor, labels: Tensor, *, seed: int) -> Tensor:
        """Return the mean loss of a batch, a scalar on the device.

        Args:
            images: uint8 (n, c, h, w).
            labels: int64 (n,).
            seed: Seed of the dropout.
        """


class EagerGradients:
    """Computes a batch in parts of ``micro_batch`` images and adds up their gradients.

    The sum is the gradient of the whole batch up to rounding, except for batch normalisation,
    whose statistics are those of a part. When memory runs out the parts are halved, for this batch
    and all that follow.

    Args:
        network: In training mode.
        micro_batch: Largest number of images at a time.
    """

    def __init__(
        self, network: nn.Module, loss: Loss, *, dtype: torch.dtype, micro_batch: int
    ) -> None:
        self.micro_batch = micro_batch
        self.network = network
        self._loss, self._dtype = loss, dtype

    def __call__(self, images: Tensor, labels: Tensor, *, seed: int) -> Tensor:
        def attempt() -> Tensor:
            reseed_dropout(self.network, seed, images.device)
            self.network.zero_grad(set_to_none=True)
            return self.add(images, labels)

        def halve() -> None:
            self.network.zero_grad(set_to_none=True)
            self.micro_batch = halved(min(self.micro_batch, len(images)))

        return until_it_fits(attempt, halve)

    def add(self, images: Tensor, labels: Tensor) -> Tensor:
        """Add the gradients of a batch to the present ones; return its mean loss."""
        total = torch.zeros((), device=images.device)
        for part, targets in in_parts(images, labels, self.micro_batch):
            logits = self.network(normalise(part, self._dtype)).float()
            loss = self._loss(logits, targets) * (len(part) / len(images))
            loss.backward()  # type: ignore[no-untyped-call]
            total += loss.detach()
        return total


class GraphedGradients:
    """Replays the pass of one batch size; batches of another size go through ``eager``.

    The optimiser is not captured: its fused step is one launch, and the learning rate changes.

    Args:
        images: A batch of the size to capture, uint8 (n, c, h, w) on the GPU.
    """

    def __init__(self, eager: EagerGradients, images: Tensor, labels: Tensor) -> None:
        self._eager = eager
        self._images, self._labels = images.clone(), labels.clone()
        self._graph = torch.cuda.CUDAGraph()
        self._loss = self._capture()
        self._gradients = [p.grad for p in eager.network.parameters()]

    def __call__(self, images: Tensor, labels: Tensor, *, seed: int) -> Tensor:
        if images.shape != self._images.shape:
            return self._eager(images, labels, seed=seed)
        network = self._eager.network
        reseed_dropout(network, seed, images.device)
        self._images.copy_(images)
        self._labels.copy_(labels)
        self._graph.replay()
        for parameter, gradient in zip(network.parameters(), self._gradients, strict=True):
            parameter.grad = gradient  # an eager batch in between has replaced it
        return self._loss.clone()

    def _capture(self) -> Tensor:
        """Warm up on a side stream, capture one pass, and undo what the passes changed."""
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
    except RuntimeError as error:  # also out of memory, for which eager halves its micro-batch
        _LOG.warning("no CUDA graph: %s", str(error).partition("\n")[0])
        eager.network.zero_grad(set_to_none=True)
        return eager
