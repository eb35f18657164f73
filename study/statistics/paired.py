"""What paired curves add up to: bands over seeds, areas, and which differences chance explains.

Every curve is one of a loss, as regret: smaller is better. Row r of each sampler's curves belongs
to seed r, so that differences are taken seed by seed.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from study.common.numbers import magnitude
from study.statistics.rank_correlation import resamples

Array = NDArray[np.float64]

LEVEL = 0.95
RESAMPLES = 2000
"""Enough that the bounds of a 95 % band move by less than a tenth of its width."""
DIGITS = 9
"""Digits in which two regrets must differ to be told apart."""
SEED = 0
"""Of the resamples; the same for every sampler, so that bands belong together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """A mean over seeds and where it lies in 95 % of resamples of the seeds, shape (n,) each."""

    mean: Array
    low: Array
    high: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two samplers over the seeds that both have.

    Args:
        first: A sampler.
        second: Another.
        seeds: Pairs.
        difference: Mean of first less second.
        p_value: Of Wilcoxon's signed-rank test (Wilcoxon 1945), two-sided.
        corrected: The same after Holm's correction over all pairs (Holm 1979).
    """

    first: str
    second: str
    seeds: int
    difference: float
    p_value: float
    corrected: float


def band(curves: Array) -> Band:
    """Return the mean curve and its band: a percentile bootstrap over seeds.

    Args:
        curves: One row a seed, (seeds, n).
    """
    weights = resamples(len(curves), count=RESAMPLES, seed=SEED) / len(curves)
    low, high = np.quantile(weights @ curves, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return Band(mean=curves.mean(axis=0), low=low, high=high)


def areas(curves: Array) -> Array:
    """Return the area under each curve over its length: the mean loss of all trials, (seeds,)."""
    return np.asarray(curves.mean(axis=1))


def pairwise(results: Mapping[str, Array]) -> tuple[Pair, ...]:
    """Return the tests of every two samplers, the surest difference first.

    Args:
        results: One number a seed for each sampler, (seeds,).
    """
    couples = list(itertools.combinations(results, 2))
    found = [wilcoxon_p(results[a], results[b]) for a, b in couples]
    pairs = [
        Pair(
            first=a,
            second=b,
            seeds=len(results[a]),
            difference=float(np.mean(results[a] - results[b])),
            p_value=p_value,
            corrected=corrected,
        )
        for (a, b), p_value, corrected in zip(couples, found, holm(found), strict=True)
    ]
    return tuple(sorted(pairs, key=lambda pair: (pair.corrected, pair.p_value)))


def wilcoxon_p(first: Array, second: Array) -> float:
    """Return the two-sided p-value of Wilcoxon's signed-rank test; 1 where no pair differs.

    Exact for up to 50 pairs without ties, as SciPy has it; pairs that agree are left out.
    """
    from scipy.stats import wilcoxon  # heavy

    size = max(float(np.abs(first).max()), float(np.abs(second).max()))
    # what rounding leaves of equal regrets is no sign
    difference = np.round(first - second, DIGITS - magnitude(size))
    difference = difference[difference != 0]
    return float(wilcoxon(difference).pvalue) if len(difference) else 1.0


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number, in the order given."""
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    corrected = [0.0] * len(p_values)
    largest = 0.0
    for place, index in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - place) * p_values[index]))
        corrected[index] = largest
    return corrected
