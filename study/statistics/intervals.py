"""Intervals of a measured value: over images and over seeds.

A measured value is uncertain in two ways, and an interval is about one of them. Over *images*: how
much the same network could differ on other images of the same kind (``wilson`` and
``bootstrap.bootstrap``). Over *seeds*: how much another training of the same candidate could
differ on the same images (``t_interval``). Images are treated as independent. If one patient gave
several images, the intervals over images are too narrow.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy import stats

from study.statistics.results import LEVEL, Interval, Spread


def wilson(hits: int, images: int) -> Interval:
    """Return Wilson's score interval of a share (Wilson 1927), without continuity correction."""
    bounds = stats.binomtest(hits, images).proportion_ci(confidence_level=LEVEL, method="wilson")
    return Interval(low=float(bounds.low), high=float(bounds.high))


def t_interval(values: Sequence[float]) -> Interval | None:
    """Return Student's interval of the mean; None for fewer than two values."""
    return _student(values, variance_factor=1 / max(len(values), 1))


def next_value_interval(values: Sequence[float]) -> Interval | None:
    """Return the range in which one further value is expected; None for fewer than two values.

    It is wider than the interval of the mean, because a single run varies as well.
    """
    return _student(values, variance_factor=1 + 1 / max(len(values), 1))


def _student(values: Sequence[float], *, variance_factor: float) -> Interval | None:
    if len(values) < 2:
        return None
    quantile = float(stats.t.ppf((1 + LEVEL) / 2, len(values) - 1))
    half = quantile * float(np.std(values, ddof=1)) * math.sqrt(variance_factor)
    mean = float(np.mean(values))
    return Interval(low=mean - half, high=mean + half)


def within_range(interval: Interval | None, metric: str) -> Interval | None:
    """Return the part of an interval that a metric can reach: 0 to 1 for a share, 0 up for a loss.

    Student's interval of few values goes beyond these bounds.
    """
    if interval is None:
        return None
    highest = math.inf if "loss" in metric else 1.0
    return replace(interval, low=max(interval.low, 0.0), high=min(interval.high, highest))


def seed_spread(metric: str, values: Sequence[float]) -> Spread:
    """Return mean, standard deviation and t-interval of the mean of values over seeds."""
    return Spread(
        mean=float(np.mean(values)),
        std=float(np.std(values, ddof=1)) if len(values) > 1 else None,
        interval=within_range(t_interval(values), metric),
    )
