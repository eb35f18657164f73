"""Measures of a classifier as functions of how often each image counts, for the bootstrap.

Every function returns a ``Statistic``: weights (resamples, n) → one number per resample. With all
weights one it is the plain measure.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from study.statistics.intervals import Statistic, Weights

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]


def plain(statistic: Statistic, images: int) -> float:
    """Return the statistic of the images as they are, each counted once."""
    return float(statistic(np.ones((1, images)))[0])


def weighted_mean(values: Floats) -> Statistic:
    """Return the mean over images of ``values`` (n,)."""
    return lambda weights: weights @ values / weights.sum(axis=1)


def mean_over_classes(values: Floats, labels: Labels) -> Statistic:
    """Return the mean over the classes that occur of the mean of ``values`` (n,) in each.

    Of hits it is the balanced accuracy.
    """
    members = [labels == label for label in np.unique(labels)]
    return lambda weights: np.mean(
        [weights[:, m] @ values[m] / weights[:, m].sum(axis=1) for m in members], axis=0
    )


def share_within(hits: Floats, among: Floats) -> Statistic:
    """Return Σ hits / Σ among: precision and recall; NaN where nothing counts.

    Args:
        hits: What counts of each image, (n,).
        among: What could have counted, (n,), at least as much.
    """

    def share(weights: Weights) -> Floats:
        return _ratio(weights @ hits, weights @ among)

    return share


def macro_auc(scores: Floats, labels: Labels) -> Statistic:
    """Return the mean over classes of the area under the one-versus-rest ROC curve.

    Ties count one half. Classes that no image has, or all have, are left out; without any other
    class the area is NaN.

    Args:
        scores: Score of each class, (n, classes).
        labels: True classes, (n,).
    """
    areas = [
        _auc(scores[:, c], labels == c)
        for c in range(scores.shape[1])
        if 0 < np.count_nonzero(labels == c) < len(labels)
    ]
    if not areas:
        return lambda weights: np.full(len(weights), np.nan)
    return mean_of(areas)


def mean_of(statistics: Sequence[Statistic]) -> Statistic:
    """Return the mean of several statistics, taken on the same resamples."""
    return lambda weights: np.mean([statistic(weights) for statistic in statistics], axis=0)


def _auc(scores: Floats, positive: NDArray[np.bool_]) -> Statistic:
    """Return the weighted Mann-Whitney statistic of one class's scores (n,)."""
    order = np.argsort(scores, kind="stable")
    ranked = scores[order]
    starts = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]])  # of each group of ties
    ours = positive[order].astype(float)

    def area(weights: Weights) -> Floats:
        sorted_weights = weights[:, order]
        won = np.add.reduceat(sorted_weights * ours, starts, axis=1)
        lost = np.add.reduceat(sorted_weights * (1 - ours), starts, axis=1)
        below = np.cumsum(lost, axis=1) - lost / 2
        return _ratio((won * below).sum(axis=1), won.sum(axis=1) * lost.sum(axis=1))

    return area


def _ratio(part: Floats, whole: Floats) -> Floats:
    """Return part / whole, NaN where the whole is nothing."""
    ratio = np.full(len(whole), np.nan)
    np.divide(part, whole, out=ratio, where=whole > 0)
    return ratio
