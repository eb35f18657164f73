"""Rank correlations, regret, mean curves, and ranks by Pareto dominance.

A resample of n candidates (or seeds) is given by how often each was drawn. Both rank correlations
are sums over candidates or over pairs of them, so a weight in the sum does what repeating the
candidate would do. They take all resamples at once; ``scipy.stats.kendalltau`` takes one per
call.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic.dataclasses import dataclass

from study.statistics.bootstrap import RESAMPLES
from study.statistics.results import LEVEL

Array = NDArray[np.float64]

BAND_SEED = 0
"""Seed of the resamples; the same for every sampler, so that their bands are comparable."""

_ORDERS = 100  # random orders of equal scores to average over


def resamples(n: int, *, count: int, seed: int) -> Array:
    """Return how often each of ``n`` candidates is drawn, with replacement: (count, n)."""
    generator = np.random.default_rng(seed)
    return generator.multinomial(n, np.full(n, 1 / n), size=count).astype(float)


def kendall(x: Array, y: Array, weights: Array) -> Array:
    """Return Kendall's τ-b of every resample, (resamples,); NaN where x or y does not vary.

    Args:
        x: A number for each candidate, (n,); ``y`` likewise.
        weights: How often each candidate was drawn, (resamples, n).
    """
    sign_x, sign_y = (np.sign(values[:, None] - values[None, :]) for values in (x, y))
    pairs, pairs_x, pairs_y = (
        ((weights @ matrix) * weights).sum(axis=1)
        for matrix in (sign_x * sign_y, sign_x**2, sign_y**2)
    )
    return _ratio(pairs, np.sqrt(pairs_x * pairs_y))


def spearman(x: Array, y: Array, weights: Array) -> Array:
    """Return Spearman's ρ of every resample, (resamples,); arguments as for ``kendall``."""
    ranks_x, ranks_y = (weights @ _below(values) for values in (x, y))
    total = np.maximum(weights.sum(axis=1, keepdims=True), 1.0)
    off_x, off_y = (
        ranks - (weights * ranks).sum(axis=1, keepdims=True) / total
        for ranks in (ranks_x, ranks_y)
    )
    spread_x, spread_y = ((weights * off**2).sum(axis=1) for off in (off_x, off_y))
    return _ratio((weights * off_x * off_y).sum(axis=1), np.sqrt(spread_x * spread_y))


def _below(values: Array) -> Array:
    """Return, at (j, i), what j adds to the mid-rank of i: 1 if below it, ½ if equal."""
    return (1 - np.sign(values[:, None] - values[None, :])) / 2


def _ratio(numerator: Array, denominator: Array) -> Array:
    ratio = np.full_like(numerator, np.nan)
    return np.divide(numerator, denominator, out=ratio, where=denominator > 1e-9)


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanCurve:
    """A mean over seeds after each trial, and the range of 95 % of its resamples."""

    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


def mean_curve(curves: Array) -> MeanCurve:
    """Return the mean of curves (seeds, n), with a percentile bootstrap over seeds."""
    weights = resamples(len(curves), count=RESAMPLES, seed=BAND_SEED) / len(curves)
    low, high = np.quantile(weights @ curves, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    mean, low, high = (tuple(row.tolist()) for row in (curves.mean(axis=0), low, high))
    return MeanCurve(mean=mean, low=low, high=high)


def areas(curves: Array) -> Array:
    """Return the mean of each curve, (seeds,): the area under it divided by its length."""
    return np.asarray(curves.mean(axis=1))


def regret(scores: Array, judges: Sequence[Array], *, picks: int, seed: int) -> float:
    """Return the best value minus the best of the first ``picks``, mean over judges and ties.

    Args:
        scores: Candidates are picked by them, larger first, (n,).
        judges: True values, (n,) each.
        seed: Of the order among equal scores.
    """
    rng = np.random.default_rng(seed)
    orders = [np.lexsort((rng.random(len(scores)), -scores)) for _ in range(_ORDERS)]
    return float(
        np.mean([judge.max() - judge[order[:picks]].max() for judge in judges for order in orders])
    )


def random_regret(judge: Array, picks: int) -> float:
    """Return the expected regret of ``picks`` different candidates picked at random."""
    n = len(judge)
    ordered = np.sort(judge)
    chances = [math.comb(i, picks - 1) / math.comb(n, picks) for i in range(n)]
    return float(ordered[-1] - ordered @ np.array(chances))


def front_ranks(points: Sequence[Sequence[float]] | np.ndarray) -> np.ndarray:
    """Return ranks by non-dominated sorting (Deb et al. 2002, NSGA-II, section III A), from 1.

    Points of rank 1 are the Pareto front. Without them, those of rank 2 are, and so on.

    Args:
        points: Larger is better, shape (n, objectives).
    """
    count = len(points)
    no_worse = np.ones((count, count), dtype=bool)
    better = np.zeros((count, count), dtype=bool)
    for column in np.asarray(points, dtype=float).T:
        no_worse &= column[:, None] >= column
        better |= column[:, None] > column
    beats = no_worse & better
    beaten_by = beats.sum(axis=0)
    ranks = np.zeros(count, dtype=int)
    rank = 1
    while not ranks.all():
        front = (ranks == 0) & (beaten_by == 0)
        ranks[front] = rank
        beaten_by -= beats[front].sum(axis=0)
        rank += 1
    return ranks
