"""What a training asks of its process: one thread, a seed for each purpose, freed memory kept.

One thread and the seeds make a result the same in every process.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Generator

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
"""Parameters of ``mallopt``, from glibc's malloc.h."""

_KEPT = 256 << 20
_LARGEST = 32 << 20
"""Bytes; the largest block that every glibc can keep (``HEAP_MAX_SIZE / 2``)."""


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one thread, with denormal numbers as zero; restore both settings afterwards.

    One thread adds numbers in the same order on any number of cores. Networks whose activations
    vanish make denormal numbers, which processors compute slowly.
    """
    threads, flushed = torch.get_num_threads(), _flushes_denormals(sys.float_info.min)
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(flushed)
        torch.set_num_threads(threads)


def _flushes_denormals(smallest_normal: float) -> bool:
    """Return whether this thread flushes denormals; PyTorch has a setter but no getter."""
    return smallest_normal / 2 == 0.0


def derived_seed(seed: int, *purpose: str | int) -> int:
    """Return 63 bits that depend on ``seed`` and ``purpose`` alone, in every process."""
    text = "/".join(map(str, (seed, *purpose)))
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def derived_generator(seed: int, *purpose: str | int) -> Generator:
    """Return a CPU generator seeded by ``derived_seed``."""
    return Generator().manual_seed(derived_seed(seed, *purpose))


@functools.cache
def keep_freed_memory() -> None:
    """Make glibc keep up to 256 MiB of freed memory; do nothing with another C library.

    Every step of a training allocates and frees the same few megabytes. By default glibc may
    return them to the system each time and get them back page by page, zeroed. The setting affects
    the whole process, which may keep that much more memory when idle.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _LARGEST)
        mallopt(_M_TRIM_THRESHOLD, _KEPT)
