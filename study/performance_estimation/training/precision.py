"""The number format networks compute in, chosen by measuring once."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from types import MappingProxyType

import torch
from torch import Generator, nn
from torch.nn import functional as F

from study.network.build import build
from study.performance_estimation.training.one_thread import one_thread
from study.search_space.candidate import OCTMNIST, Architecture
from study.search_space.resolve import resolve

DTYPES: Mapping[str, torch.dtype] = MappingProxyType(
    {"float32": torch.float32, "bfloat16": torch.bfloat16}
)
"""Precisions by the name that is stored with a study."""

_IMAGES = 128
_ROUNDS = 5
_MARGIN = 0.95
"""bfloat16 has to save a twentieth of the time: below that the coarser numbers buy nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrecisionProbe:
    """What a training step of a typical small network took on this machine, on one thread.

    Args:
        precision: The faster of ``DTYPES``, to be stored with the study.
        seconds: Median time of one forward and backward pass of 128 images, by precision.
    """

    precision: str
    seconds: Mapping[str, float]


def probe_precision(device: torch.device) -> PrecisionProbe:
    """Measure every precision in turn, several times, and return the faster one.

    Takes a few tenths of a second. On the CPU the processor's time counts, so that other programs
    hardly bear on the answer; still it depends on the machine: ask once a study, and store it.
    """
    network = build(resolve(Architecture(), OCTMNIST), generator=Generator().manual_seed(0))
    network.to(device)
    with one_thread():
        for dtype in DTYPES.values():  # the first pass chooses kernels and allocates
            _seconds(network, dtype, device)
        rounds = [
            {name: _seconds(network, dtype, device) for name, dtype in DTYPES.items()}
            for _ in range(_ROUNDS)
        ]
    seconds = {name: median(taken[name] for taken in rounds) for name in DTYPES}
    faster = seconds["bfloat16"] < _MARGIN * seconds["float32"]
    return PrecisionProbe(precision="bfloat16" if faster else "float32", seconds=seconds)


def _seconds(network: nn.Module, dtype: torch.dtype, device: torch.device) -> float:
    images = torch.zeros(_IMAGES, 1, 28, 28, dtype=dtype, device=device)
    images = images.contiguous(memory_format=torch.channels_last)
    labels = torch.zeros(_IMAGES, dtype=torch.int64, device=device)
    clock = time.thread_time if device.type == "cpu" else time.perf_counter
    wait_for(device)
    start = clock()
    F.cross_entropy(network(images).float(), labels).backward()  # type: ignore[no-untyped-call]
    wait_for(device)
    return clock() - start


def wait_for(device: torch.device) -> None:
    """Return once the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
