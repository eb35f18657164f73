"""What happens where memory is short, and how the C library keeps freed memory."""

from __future__ import annotations

import ctypes
import functools
import logging
import sys
from collections.abc import Callable, Iterator
from typing import TypeVar

import torch
from torch import Tensor

from study.performance_estimation.estimator import EstimateFailed

T = TypeVar("T")

_LOG = logging.getLogger(__name__)

SMALLEST_MICRO_BATCH = 4
"""Images at a time below which running out of memory is final."""

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
"""Parameters of ``mallopt``, from glibc's malloc.h."""

_KEPT = 256 << 20
_LARGEST = 32 << 20
"""Bytes; the largest block that every glibc can keep (``HEAP_MAX_SIZE / 2``)."""


class OutOfMemory(EstimateFailed):
    """Not even ``SMALLEST_MICRO_BATCH`` images fit into memory."""

    def __init__(self, *, micro_batch: int) -> None:
        super().__init__("out of memory", f"out of memory with {micro_batch} images at a time")


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error means that memory ran out, on a GPU or not.

    PyTorch's CPU allocator raises a RuntimeError that only its text tells apart
    (``DefaultCPUAllocator``, c10/core/impl/alloc_cpu.cpp).
    """
    if isinstance(error, OutOfMemory | MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and "DefaultCPUAllocator" in str(error)


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
            if not is_out_of_memory(error):
                raise
        halve()


def halved(tried: int) -> int:
    """Return the number of images at a time to try after ``tried`` were too many."""
    if tried <= SMALLEST_MICRO_BATCH:
        raise OutOfMemory(micro_batch=tried)
    fewer = max(tried // 2, SMALLEST_MICRO_BATCH)
    _LOG.warning("out of memory with %d images at a time: %d now", tried, fewer)
    return fewer


@functools.cache
def keep_freed_memory() -> None:
    """Make glibc keep up to 256 MiB of freed memory; do nothing with another C library.

    Every step of a training allocates and frees the same few megabytes. By default glibc may
    return them to the system each time and get them back page by page, zeroed. The setting is one
    of the whole process, which may keep that much more memory when idle.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _LARGEST)
        mallopt(_M_TRIM_THRESHOLD, _KEPT)
