"""Sums in one order: what makes a computation on the CPU the same with any number of cores."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one thread and with denormal numbers as zero; outside all is as it was.

    Networks that die make denormal numbers, which processors compute slowly.
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
    """Tell whether this thread takes denormal numbers for zero; PyTorch sets it but cannot say."""
    return smallest_normal / 2 == 0.0
