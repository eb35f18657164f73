"""Keeps freed memory for the next step instead of handing it back to the system."""

from __future__ import annotations

import ctypes
import functools
import sys

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
"""Parameters of ``mallopt``, from glibc's malloc.h."""

_KEPT = 256 << 20
_LARGEST = 32 << 20
"""Bytes; the largest block that every glibc lets one keep (``HEAP_MAX_SIZE / 2``)."""


@functools.cache
def keep_freed_memory() -> None:
    """Make the C library keep up to 256 MiB of what is freed; does nothing where it is not glibc.

    Every step of a training allocates and frees the same few megabytes. By default glibc may
    return them to the system each time and get them back page by page, zeroed. It holds for the
    whole process, whose memory at rest may be that much larger.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _LARGEST)
        mallopt(_M_TRIM_THRESHOLD, _KEPT)
