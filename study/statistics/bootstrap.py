"""The bootstrap over images, for measures that are functions of how often each image counts.

A ``Statistic`` maps weights (resamples, n) to one number per resample, all resamples at once.
``scipy.stats.bootstrap`` calls its statistic per resample. With all weights one it is the plain
measure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from study.statistics.results import LEVEL, Interval

RESAMPLES = 2000
"""The bounds of a 95 % interval then move by less than a tenth of its width."""

_BLOCK = 2_000_000  # weights drawn at a time; bounds the memory to tens of megabytes

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

Weights = NDArray[np.float64]
"""How often each image was drawn in each resample, (resamples, n)."""

Statistic = Callable[[Weights], Floats]
"""Weights (resamples, n) → the statistic of each resample, (resamples,)."""


def bootstrap(
    statistic: Statistic, labels: Labels, *, seed: int, resamples: int = RESAMPLES
) -> Interval | None:
    """Return the percentile interval of a statistic over images, resampled class by class.

    Each class keeps its number of images, as in another test part made by the same rule. A
    resample in which the statistic is not defined (NaN) is left out.

    Args:
        labels: Class of each image, (n,).

    Returns:
        None if the statistic is defined in no resample.
    """
    draws = bootstrap_draws(statistic, labels, seed=seed, resamples=resamples)
    draws = draws[~np.isnan(draws)]
    return percentile_interval(draws) if draws.size else None


def percentile_interval(draws: Floats) -> Interval:
    """Return the middle 95 % of the draws of a bootstrap, (resamples,)."""
    low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(low=float(low), high=float(high))


def bootstrap_draws(
    statistic: Statistic, labels: Labels, *, seed: int, resamples: int = RESAMPLES
) -> Floats:
    """Return the statistic of every resample, (resamples,)."""
    generator = np.random.default_rng(seed)
    step = max(1, _BLOCK // len(labels))
    blocks = [
        statistic(_draw(labels, min(step, resamples - start), generator))
        for start in range(0, resamples, step)
    ]
    return np.concatenate(blocks)


def _draw(labels: Labels, resamples: int, generator: np.random.Generator) -> Weights:
    """Draw weights with replacement; each class keeps its number of images."""
    weights = np.zeros((resamples, len(labels)))
    rows = np.arange(resamples)[:, None]
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        chosen = members[generator.integers(len(members), size=(resamples, len(members)))]
        np.add.at(weights, (np.broadcast_to(rows, chosen.shape), chosen), 1.0)
    return weights


def plain(statistic: Statistic, images: int) -> float:
    """Return the statistic with each image counted once."""
    return float(statistic(np.ones((1, images)))[0])


def weighted_mean(values: Floats) -> Statistic:
    """Return the mean over images of ``values`` (n,)."""
    return lambda weights: weights @ values / weights.sum(axis=1)


def mean_over_classes(values: Floats, labels: Labels) -> Statistic:
    """Return the mean over the classes that occur of the mean of ``values`` (n,) in each.

    For hits it is the balanced accuracy.
    """
    members = [labels == label for label in np.unique(labels)]
    return lambda weights: np.mean(
        [weights[:, m] @ values[m] / weights[:, m].sum(axis=1) for m in members], axis=0
    )


def mean_of(statistics: Sequence[Statistic]) -> Statistic:
    """Return the mean of several statistics of the same resamples."""
    return lambda weights: np.mean([statistic(weights) for statistic in statistics], axis=0)


def macro_auc(scores: Floats, labels: Labels) -> Statistic:
    """Return the mean over classes of the area under the one-versus-rest ROC curve.

    Ties count one half. Classes that no image has, or all have, are left out. The area is NaN if
    all classes are left out.

    Args:
        scores: Score of each class, (n, classes).
        labels: True classes, (n,).
    """
    areas = [
        binary_auc(scores[:, c], labels == c)
        for c in range(scores.shape[1])
        if 0 < np.count_nonzero(labels == c) < len(labels)
    ]
    if not areas:
        return lambda weights: np.full(len(weights), np.nan)
    return mean_of(areas)


def binary_auc(scores: Floats, positive: NDArray[np.bool_]) -> Statistic:
    """Return the area under the ROC curve of one class's scores (n,).

    It is the weighted Mann-Whitney statistic (Hanley and McNeil 1982): ties count one half. It is
    NaN where all images or none are positive.
    """
    order = np.argsort(scores, kind="stable")
    ranked = scores[order]
    starts = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]])  # of each group of ties
    ours = positive[order].astype(float)

    def area(weights: Weights) -> Floats:
        sorted_weights = weights[:, order]
        won = np.add.reduceat(sorted_weights * ours, starts, axis=1)
        lost = np.add.reduceat(sorted_weights * (1 - ours), starts, axis=1)
        below = np.cumsum(lost, axis=1) - lost / 2
        pairs = won.sum(axis=1) * lost.sum(axis=1)
        shares = np.full(len(pairs), np.nan)
        np.divide((won * below).sum(axis=1), pairs, out=shares, where=pairs > 0)
        return shares

    return area
