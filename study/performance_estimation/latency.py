"""``latency_ms``: time of one image through a network on this device, as a second objective.

Latency is the one measure that varies between repeated measurements. Its median and the spread of
single passes are stored. Duplicates share one measurement.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from statistics import median, quantiles
from typing import NamedTuple

import torch

from study.network.build import build
from study.performance_estimation.estimator import Estimate, Estimator, Report
from study.performance_estimation.training.process import derived_generator, one_thread
from study.performance_estimation.training.speed import seconds_of
from study.search_space.candidate import Candidate, ImageFormat
from study.search_space.resolve import Stack, resolve

METRIC = "latency_ms"

PASSES = 101
BATCHES = 11
"""Timed passes of a single image and of a batch; the same number, not timed, warms up."""

BATCH = 128


class Latency(NamedTuple):
    """Times of a network's forward pass, in milliseconds; on a CPU, on one thread."""

    single_ms: float  # median of a pass of one image
    spread_ms: float  # distance between the quartiles of those passes
    batch_ms: float  # median time of an image in a batch of ``BATCH``


@dataclass(frozen=True, slots=True, kw_only=True)
class WithLatency:
    """Adds ``latency_ms`` to the estimates of another estimator."""

    estimator: Estimator
    image: ImageFormat
    device: torch.device

    def estimate(self, candidate: Candidate, *, seed: int, report: Report) -> Estimate:
        """Return the other estimator's estimate with the latency."""
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
    """Return the latency of the network of ``stack`` in float32; its weights do not matter.

    Weights are kept in float32 for training. In bfloat16 a pass of one image would mostly measure
    their conversion, which a deployed network does not repeat.
    """
    network = build(stack, generator=derived_generator(0, "latency")).to(device).eval()
    batch = torch.ones(BATCH, image.channels, image.size, image.size, device=device)
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
    """Return the seconds of every pass, after an untimed warm-up of the same length."""
    for _ in range(passes):
        forward()
    return [seconds_of(forward, device) for _ in range(passes)]
