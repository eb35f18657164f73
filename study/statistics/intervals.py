"""How sure a figure is: intervals over images and over seeds.

Two things make a figure uncertain, and an interval speaks of one of them only. Over *images*: how
far the same network could differ on other images of the same kind (``wilson``, ``bootstrap``).
Over *seeds*: how far another training of the same candidate could differ on the same images
(``t_interval``). Images are taken as independent; where one patient gave several, the intervals
over images are too narrow.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.95
RESAMPLES = 2000
"""Enough that the bounds of a 95 % interval move by less than a tenth of its width."""

_BLOCK = 2_000_000  # weights drawn at a time; bounds the memory to tens of megabytes

Weights = NDArray[np.float64]
"""How often each image was drawn in each resample, (resamples, n)."""

Statistic = Callable[[Weights], NDArray[np.float64]]
"""Weights (resamples, n) → the statistic of each resample, (resamples,)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A range that covers the true value in ``level`` of all repetitions."""

    low: float
    high: float
    level: float = LEVEL

    def covers(self, value: float) -> bool:
        """Tell whether ``value`` lies inside, bounds included."""
        return self.low <= value <= self.high

    def __str__(self) -> str:
        return f"[{self.low:.3f}, {self.high:.3f}]"


def reachable(interval: Interval | None, metric: str) -> Interval | None:
    """Return the part of an interval in which a measure can lie: a share in 0..1, a loss from 0.

    Student's interval of few values knows no such bounds, and goes beyond them.
    """
    if interval is None:
        return None
    highest = math.inf if "loss" in metric else 1.0
    return replace(interval, low=max(interval.low, 0.0), high=min(interval.high, highest))


def wilson(hits: int, images: int, *, level: float = LEVEL) -> Interval:
    """Return Wilson's score interval of a share (Wilson 1927), without continuity correction.

    Args:
        hits: Images that count, as correctly classified ones.
        images: All images, at least one.
        level: Share of repetitions in which the interval covers the true share.
    """
    from scipy.stats import binomtest  # heavy

    bounds = binomtest(hits, images).proportion_ci(confidence_level=level, method="wilson")
    return Interval(low=float(bounds.low), high=float(bounds.high), level=level)


def t_interval(values: Sequence[float], *, level: float = LEVEL) -> Interval | None:
    """Return Student's interval of the mean; None for fewer than two values."""
    return _student(values, level, variance_factor=1 / max(len(values), 1))


def next_value_interval(values: Sequence[float], *, level: float = LEVEL) -> Interval | None:
    """Return where one further value is expected; None for fewer than two values.

    Wider than the interval of the mean, whose error it adds to the spread of a single run.
    """
    return _student(values, level, variance_factor=1 + 1 / max(len(values), 1))


def _student(values: Sequence[float], level: float, *, variance_factor: float) -> Interval | None:
    if len(values) < 2:
        return None
    from scipy.stats import t  # heavy

    reach = float(t.ppf((1 + level) / 2, len(values) - 1))
    half = reach * float(np.std(values, ddof=1)) * math.sqrt(variance_factor)
    mean = float(np.mean(values))
    return Interval(low=mean - half, high=mean + half, level=level)


def bootstrap(
    statistic: Statistic,
    labels: NDArray[np.int64],
    *,
    seed: int,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
) -> Interval | None:
    """Return the percentile interval of a statistic over images, resampled class by class.

    The number of images of each class stays as it is, as it would in another test part made by
    the same rule. A resample in which the statistic is not defined (NaN) is left out.

    Args:
        statistic: From how often each image was drawn to one number per resample.
        labels: Class of each image, (n,).
        seed: Same seed, same interval.
        level: Share of repetitions in which the interval covers the true value.
        resamples: How many sets of images are drawn.

    Returns:
        None where the statistic is defined in no resample.
    """
    draws = bootstrap_draws(statistic, labels, seed=seed, resamples=resamples)
    draws = draws[~np.isnan(draws)]
    if not draws.size:
        return None
    tail = (1 - level) / 2
    low, high = np.quantile(draws, [tail, 1 - tail])
    return Interval(low=float(low), high=float(high), level=level)


def bootstrap_draws(
    statistic: Statistic, labels: NDArray[np.int64], *, seed: int, resamples: int = RESAMPLES
) -> NDArray[np.float64]:
    """Return the statistic of every resample, (resamples,)."""
    generator = np.random.default_rng(seed)
    step = max(1, _BLOCK // len(labels))
    blocks = [
        statistic(_draw(labels, min(step, resamples - start), generator))
        for start in range(0, resamples, step)
    ]
    return np.concatenate(blocks)


def _draw(labels: NDArray[np.int64], resamples: int, generator: np.random.Generator) -> Weights:
    """Draw weights: as many images of each class as there are, with replacement."""
    weights = np.zeros((resamples, len(labels)))
    rows = np.arange(resamples)[:, None]
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        chosen = members[generator.integers(len(members), size=(resamples, len(members)))]
        np.add.at(weights, (np.broadcast_to(rows, chosen.shape), chosen), 1.0)
    return weights
