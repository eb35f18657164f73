"""Rank correlations of many resamples at once.

A resample of n candidates is given by how often each was drawn. Both coefficients are sums over
candidates or pairs of them, so a weight in the sum does what repeating the candidate would do.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def resamples(n: int, *, count: int, seed: int) -> Array:
    """Return how often each of ``n`` candidates is drawn, with replacement: (count, n)."""
    generator = np.random.default_rng(seed)
    return generator.multinomial(n, np.full(n, 1 / n), size=count).astype(float)


def kendall(x: Array, y: Array, weights: Array) -> Array:
    """Return Kendall's τ-b of every resample, (resamples,); NaN where x or y does not vary.

    Args:
        x: One number for each candidate, (n,).
        y: Another, (n,).
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
    """Return, at (j, i), what j adds to the mid-rank of i: 1 below it, a half beside it."""
    return (1 - np.sign(values[:, None] - values[None, :])) / 2


def _ratio(numerator: Array, denominator: Array) -> Array:
    ratio = np.full_like(numerator, np.nan)
    return np.divide(numerator, denominator, out=ratio, where=denominator > 1e-9)
