"""Gradients of one batch, whole or in parts where memory is short."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Protocol, TypeVar

import torch
from torch import Tensor, nn

from study.network.blocks import reseed_dropout
from study.network.forward import normalise
from study.performance_estimation.failures import OutOfMemory, is_out_of_memory
from study.performance_estimation.training.loss import Loss

T = TypeVar("T")

_LOG = logging.getLogger(__name__)

SMALLEST_MICRO_BATCH = 4
"""Images at a time below which running out of memory is final."""


class Gradients(Protocol):
    """Leaves the gradients of a batch in the network's parameters."""

    def __call__(self, images: Tensor, labels: Tensor, *, seed: int) -> Tensor:
        """Return the mean loss of a batch, a scalar on the device.

        Args:
            images: uint8 (n, c, h, w).
            labels: int64 (n,).
            seed: Of the dropout.
        """
        ...


class EagerGradients:
    """Computes a batch in parts of ``micro_batch`` images and adds up their gradients.

    The sum is the gradient of the whole batch up to rounding; only batch normalisation sees the
    parts, as its statistics are those of a part. When memory runs out the parts are halved, for
    this batch and all that follow.

    Args:
        network: In training mode.
        loss: Mean loss of a batch.
        dtype: Type that the network computes in.
        micro_batch: Largest number of images at a time.
    """

    def __init__(
        self, network: nn.Module, loss: Loss, *, dtype: torch.dtype, micro_batch: int
    ) -> None:
        self.micro_batch = micro_batch
        self.network = network
        self._loss, self._dtype = loss, dtype

    def __call__(self, images: Tensor, labels: Tensor, *, seed: int) -> Tensor:
        """See ``Gradients``.

        Raises:
            OutOfMemory: Not even ``SMALLEST_MICRO_BATCH`` images fit.
        """
        return until_it_fits(
            lambda: self._accumulate(images, labels, seed), lambda: self._halve(len(images))
        )

    def _accumulate(self, images: Tensor, labels: Tensor, seed: int) -> Tensor:
        reseed_dropout(self.network, seed, images.device)
        self.network.zero_grad(set_to_none=True)
        return self.add(images, labels)

    def add(self, images: Tensor, labels: Tensor) -> Tensor:
        """Add the gradients of a batch to those that are there; return its mean loss."""
        total = torch.zeros((), device=images.device)
        for part, targets in in_parts(images, labels, self.micro_batch):
            logits = self.network(normalise(part, self._dtype)).float()
            loss = self._loss(logits, targets) * (len(part) / len(images))
            loss.backward()  # type: ignore[no-untyped-call]
            total += loss.detach()
        return total

    def _halve(self, batch: int) -> None:
        """Make the parts smaller."""
        self.network.zero_grad(set_to_none=True)
        self.micro_batch = halved(min(self.micro_batch, batch))


def in_parts(images: Tensor, labels: Tensor, size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Return images and labels, so many at a time."""
    return zip(torch.split(images, size), torch.split(labels, size), strict=True)


def until_it_fits(attempt: Callable[[], T], halve: Callable[[], None]) -> T:
    """Return what an attempt does, made again with less at a time while memory runs out.

    Args:
        attempt: Does the work from its start.
        halve: Lets it take less at a time; raises ``OutOfMemory`` where that cannot be. Called
            outside ``except``, which would keep tensors alive.

    Raises:
        OutOfMemory: ``halve`` said so.
    """
    while True:
        try:
            return attempt()
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        halve()


def halved(tried: int) -> int:
    """Return how many images to take at a time where ``tried`` of them were too many.

    Raises:
        OutOfMemory: They were as few as may be.
    """
    if tried <= SMALLEST_MICRO_BATCH:
        raise OutOfMemory(micro_batch=tried)
    fewer = max(tried // 2, SMALLEST_MICRO_BATCH)
    _LOG.warning("out of memory with %d images at a time: %d now", tried, fewer)
    return fewer
