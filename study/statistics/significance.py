"""Tests of differences, and the smallest difference that a test can find."""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from statsmodels.stats.multitest import multipletests

from study.common.formats import magnitude
from study.statistics.bootstrap import (
    RESAMPLES,
    Statistic,
    bootstrap_draws,
    percentile_interval,
    plain,
)
from study.statistics.intervals import t_interval
from study.statistics.results import LEVEL, OVER_SEEDS, PairedTest

POWER = 0.8
"""Probability of finding a true difference, in every statement about the smallest difference."""

MOST_SEEDS = 1000

DIGITS = 9
"""Two regrets are different if they differ in this many digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two samplers over the seeds that both have.

    Args:
        seeds: Number of pairs.
        difference: Mean of first minus second.
        p_value: Of Wilcoxon's signed-rank test (Wilcoxon 1945), two-sided.
        corrected: The same after Holm's correction over all pairs (Holm 1979).
    """

    first: str
    second: str
    seeds: int
    difference: float
    p_value: float
    corrected: float


def pairwise(results: Mapping[str, NDArray[np.float64]]) -> tuple[Pair, ...]:
    """Return the tests of every two samplers, the smallest p-value first.

    Args:
        results: Sampler → one number for each seed, (seeds,).
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


def wilcoxon_p(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Return the two-sided p-value of Wilcoxon's signed-rank test; 1 if no pair differs.

    Exact for up to 50 pairs without ties, as in SciPy. Equal pairs are left out; differences that
    are rounding errors count as equal.
    """
    size = max(float(np.abs(first).max()), float(np.abs(second).max()))
    difference = np.round(first - second, DIGITS - magnitude(size))
    difference = difference[difference != 0]
    return float(stats.wilcoxon(difference).pvalue) if len(difference) else 1.0


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values after Holm's correction for their number, in the order given."""
    if not p_values:
        return []
    return [float(p) for p in multipletests(p_values, method="holm")[1]]


def paired_t(first: Mapping[int, float], second: Mapping[int, float]) -> PairedTest | None:
    """Compare two candidates over the seeds with which both were trained.

    If the difference is the same for all seeds, Student's test is not defined. The sign test is
    used instead: p = 2^(1-n), or 1 if there is no difference.

    Returns:
        None for fewer than two common seeds.
    """
    seeds = sorted(first.keys() & second.keys())
    if len(seeds) < 2:
        return None
    differences = [first[seed] - second[seed] for seed in seeds]
    return PairedTest(
        method=OVER_SEEDS,
        pairs=len(seeds),
        difference=float(np.mean(differences)),
        interval=t_interval(differences),
        p_value=_t_test(differences),
    )


def _t_test(differences: Sequence[float]) -> float:
    n, mean = len(differences), float(np.mean(differences))
    sd = float(np.std(differences, ddof=1))
    if _all_equal(mean, sd):
        return 1.0 if abs(mean) < 1e-12 else 2.0 ** (1 - n)
    return float(2 * stats.t.sf(abs(mean) / sd * math.sqrt(n), n - 1))


def _all_equal(mean: float, sd: float) -> bool:
    """Tell whether a spread is the rounding error of equal differences."""
    return sd <= 1e-12 * max(abs(mean), 1e-12)


def paired_bootstrap(
    difference: Statistic,
    labels: NDArray[np.int64],
    *,
    metric: str,
    seed: int,
    resamples: int = RESAMPLES,
) -> PairedTest:
    """Compare two candidates over images, resampled class by class.

    Args:
        difference: Measure of the first minus measure of the second on the same images, for
            example ``weighted_mean`` of the difference of their hits.
        labels: True classes, (n,).
        metric: Name of the measure, for the method's name.
    """
    draws = bootstrap_draws(difference, labels, seed=seed, resamples=resamples)
    return PairedTest(
        method=f"paired bootstrap of {metric} over images",
        pairs=len(labels),
        difference=plain(difference, len(labels)),
        interval=percentile_interval(draws),
        p_value=_bootstrap_p(draws),
    )


def _bootstrap_p(draws: NDArray[np.float64]) -> float:
    """Return twice the smaller tail beyond zero; the observed sample counts, so it is never 0."""
    tail = min(np.count_nonzero(draws <= 0), np.count_nonzero(draws >= 0))
    return float(min(1.0, 2 * (tail + 1) / (len(draws) + 1)))


def smallest_paired_difference(images: int, *, discordance: float) -> float:
    """Return the smallest difference in accuracy that McNemar's test finds on these images.

    Connor 1987 (Biometrics 43:207), solved for the difference.

    Args:
        images: Number of images that both networks classify.
        discordance: Share of images that exactly one of them classifies correctly.
    """
    alpha, beta = _quantiles()
    difference = 0.0
    for _ in range(100):  # a contraction: the difference is small against the discordance
        inside = max(discordance - difference**2, 0.0)
        difference = (alpha * math.sqrt(discordance) + beta * math.sqrt(inside)) / math.sqrt(
            images
        )
    return difference


def smallest_unpaired_difference(images: int, *, accuracy: float) -> float:
    """Return the smallest difference that shows between two accuracies on ``images`` each.

    The normal approximation for two independent shares near ``accuracy``. Nothing better is
    possible if it is not known which images the other network classifies correctly.
    """
    return sum(_quantiles()) * math.sqrt(2 * accuracy * (1 - accuracy) / images)


def seeds_to_resolve(difference: float, sd: float) -> int | None:
    """Return the number of common seeds that ``paired_t`` needs to find a difference.

    Args:
        difference: Mean difference of the two candidates.
        sd: Standard deviation of the difference over seeds.

    Returns:
        None for more than ``MOST_SEEDS``.
    """
    if difference == 0:
        return None
    if _all_equal(difference, sd):  # the least n with 2^(1-n) below 1 - LEVEL
        return math.floor(1 - math.log2(1 - LEVEL)) + 1
    effect = abs(difference) / sd
    seeds = bisect.bisect_left(range(2, MOST_SEEDS + 1), POWER, key=lambda n: _t_power(effect, n))
    return seeds + 2 if seeds + 2 <= MOST_SEEDS else None


def _t_power(effect: float, seeds: int) -> float:
    critical = stats.t.ppf((1 + LEVEL) / 2, seeds - 1)
    shift = effect * math.sqrt(seeds)
    above = stats.nct.sf(critical, seeds - 1, shift)
    return float(above + stats.nct.cdf(-critical, seeds - 1, shift))


def _quantiles() -> tuple[float, float]:
    return float(stats.norm.ppf((1 + LEVEL) / 2)), float(stats.norm.ppf(POWER))
