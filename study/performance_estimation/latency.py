"""How long a network takes for one image on this device: an objective beside any estimate.

Latency is the one measure that is not the same twice. What is stored is a median, and how far
single passes lie around it; twins share one measurement.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from statistics import median, quantiles
from typing import TYPE_CHECKING

from study.performance_estimation.estimator import Estimate, Estimator, Report
from study.search_space.candidate import Candidate, ImageFormat
from study.search_space.resolve import Stack, resolve

if TYPE_CHECKING:
    import torch

METRIC = "latency_ms"

PASSES = 101
BATCHES = 11
"""Timed passes of a single image and of a batch; as many again, unmeasured, warm up."""

BATCH = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Times of a network's forward pass, on one thread where that is a CPU's.

    Args:
        single_ms: Median time of a pass of one image, in milliseconds.
        spread_ms: Distance between the quartiles of those passes.
        batch_ms: Median time of an image in a batch of ``BATCH``.
    """

    single_ms: float
    spread_ms: float
    batch_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WithLatency:
    """Adds ``latency_ms`` to what another estimator finds.

    Args:
        estimator: The other one.
        image: Format of the images.
        device: Where networks run.
    """

    estimator: Estimator
    image: ImageFormat
    device: torch.device

    def estimate(self, candidate: Candidate, *, seed: int, report: Report) -> Estimate:
        """See ``Estimator``."""
        found = self.estimator.estimate(candidate, seed=seed, report=report)
        stack = resolve(candidate.architecture, self.image)
        timed = measure_latency(stack, self.image, device=self.device)
        return replace(
            found,
            metrics={**found.metrics, METRIC: timed.single_ms},
            facts={
                **found.facts,
                "latency": {
                    "spread_ms": timed.spread_ms,
                    "batch_ms": timed.batch_ms,
                    "batch": BATCH,
                    "device": str(self.device),
                },
            },
        )


def measure_latency(stack: Stack, image: ImageFormat, *, device: torch.device) -> Latency:
    """Return how long the network of ``stack`` takes in float32; its weights do not matter.

    In bfloat16 a pass of one image would mostly be the conversion of the weights, which are kept
    in float32 for training and are not converted anew where a network is used.

    On a CPU the thread's processor time counts, so that other programs bear on it only through
    what they do to caches and clock rate.
    """
    import torch

    from study.network.build import build
    from study.performance_estimation.training.one_thread import one_thread
    from study.performance_estimation.training.seeds import derived_generator

    network = build(stack, generator=derived_generator(0, "latency")).to(device).eval()
    shape = (BATCH, image.channels, image.size, image.size)
    batch = torch.ones(shape, device=device)
    batch = batch.contiguous(memory_format=torch.channels_last)
    one = batch[:1]
    with one_thread(), torch.inference_mode():
        single = _times(lambda: network(one), device, passes=PASSES)
        whole = _times(lambda: network(batch), device, passes=BATCHES)
    low, _, high = quantiles(single, n=4)
    return Latency(
        single_ms=1e3 * median(single),
        spread_ms=1e3 * (high - low),
        batch_ms=1e3 * median(whole) / BATCH,
    )


def _times(forward: Callable[[], object], device: torch.device, *, passes: int) -> list[float]:
    """Return the seconds of every pass, after as many that are not measured."""
    from study.performance_estimation.training.precision import wait_for

    clock = time.thread_time if device.type == "cpu" else time.perf_counter
    for _ in range(passes):
        forward()
    times = []
    for _ in range(passes):
        wait_for(device)
        start = clock()
        forward()
        wait_for(device)
        times.append(clock() - start)
    return times
