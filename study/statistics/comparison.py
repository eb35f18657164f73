"""Whether two candidates can be told apart, and how small a difference can be seen at all."""

from __future__ import annotations

import bisect
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from study.statistics.intervals import (
    LEVEL,
    RESAMPLES,
    Interval,
    Statistic,
    bootstrap_draws,
    t_interval,
)
from study.statistics.weighted import plain

POWER = 0.8
"""Chance to find a difference that is there, in every statement about what can be resolved."""

MOST_SEEDS = 1000

OVER_SEEDS = "paired t-test over seeds"
"""Name of ``paired_t``'s method."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedTest:
    """A two-sided test of whether the first of two is better, pair by pair.

    Args:
        method: What was tested, in words.
        pairs: Seeds, or images, that both have.
        difference: Mean of first minus second.
        interval: Of the difference; None where the test gives none.
        p_value: Chance of a difference at least as large where there is none in truth.
    """

    method: str
    pairs: int
    difference: float
    interval: Interval | None
    p_value: float

    def favours_first(self, level: float = LEVEL) -> bool:
        """Tell whether the first is better and chance alone an unlikely explanation."""
        return self.difference > 0 and self.p_value < 1 - level


def paired_t(
    first: Mapping[int, float], second: Mapping[int, float], *, level: float = LEVEL
) -> PairedTest | None:
    """Compare two candidates over the seeds both were trained with.

    Where the difference is the same for all seeds, Student's test has no spread to work with; the
    sign test takes its place (p = 2^(1-n), or 1 where there is no difference).

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
        interval=t_interval(differences, level=level),
        p_value=_t_test(differences),
    )


def _t_test(differences: Sequence[float]) -> float:
    n, mean = len(differences), float(np.mean(differences))
    sd = float(np.std(differences, ddof=1))
    if _all_equal(mean, sd):
        return 1.0 if abs(mean) < 1e-12 else 2.0 ** (1 - n)
    from scipy.stats import t  # heavy

    return float(2 * t.sf(abs(mean) / sd * math.sqrt(n), n - 1))


def _all_equal(mean: float, sd: float) -> bool:
    """Tell whether the spread is what rounding leaves of equal differences."""
    return sd <= 1e-12 * max(abs(mean), 1e-12)


def mcnemar(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> PairedTest:
    """Compare two networks by the images that only one of them gets right (McNemar 1947).

    Exact: under the hypothesis of no difference each such image favours either with chance 1/2.

    Args:
        first: Whether the first network is right, for each image, (n,).
        second: The same of the second, for the same images.
    """
    from scipy.stats import binomtest  # heavy

    only_first = int(np.count_nonzero(first & ~second))
    only_second = int(np.count_nonzero(second & ~first))
    disagreeing = only_first + only_second
    return PairedTest(
        method="McNemar's exact test over images",
        pairs=len(first),
        difference=(only_first - only_second) / len(first),
        interval=None,
        p_value=float(binomtest(only_first, disagreeing).pvalue) if disagreeing else 1.0,
    )


def paired_bootstrap(
    difference: Statistic,
    labels: NDArray[np.int64],
    *,
    seed: int,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
) -> PairedTest:
    """Compare two candidates over images, resampled class by class.

    Args:
        difference: Measure of the first minus measure of the second, on the same images; as
            ``weighted_mean`` of the difference of their hits.
        labels: True classes, (n,).
        seed: Same seed, same result.
        level: Of the interval.
        resamples: Sets of images drawn.
    """
    draws = bootstrap_draws(difference, labels, seed=seed, resamples=resamples)
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return PairedTest(
        method="paired bootstrap over images",
        pairs=len(labels),
        difference=plain(difference, len(labels)),
        interval=Interval(low=float(low), high=float(high), level=level),
        p_value=_bootstrap_p(draws),
    )


def _bootstrap_p(draws: NDArray[np.float64]) -> float:
    """Return twice the smaller tail beyond zero, the observed sample counted (never zero)."""
    tail = min(np.count_nonzero(draws <= 0), np.count_nonzero(draws >= 0))
    return float(min(1.0, 2 * (tail + 1) / (len(draws) + 1)))


def smallest_paired_difference(
    images: int, *, discordance: float, level: float = LEVEL, power: float = POWER
) -> float:
    """Return the smallest difference in accuracy that McNemar's test finds on so many images.

    Connor 1987 (Biometrics 43:207), solved for the difference.

    Args:
        images: Number of images that both networks classify.
        discordance: Share of images that exactly one of them gets right.
        level: One less the chance to see a difference that is not there.
        power: Chance to see one that is.
    """
    alpha, beta = _quantiles(level, power)
    difference = 0.0
    for _ in range(100):  # a contraction: the difference is small against the discordance
        inside = max(discordance - difference**2, 0.0)
        difference = (alpha * math.sqrt(discordance) + beta * math.sqrt(inside)) / math.sqrt(
            images
        )
    return difference


def smallest_unpaired_difference(
    images: int, *, accuracy: float, level: float = LEVEL, power: float = POWER
) -> float:
    """Return the smallest difference between two published accuracies on so many images each.

    The normal approximation for two independent shares near ``accuracy``: all that can be said
    where it is not known which images the other network got right.
    """
    return sum(_quantiles(level, power)) * math.sqrt(2 * accuracy * (1 - accuracy) / images)


def seeds_to_resolve(
    difference: float, sd: float, *, level: float = LEVEL, power: float = POWER
) -> int | None:
    """Return how many common seeds ``paired_t`` needs to see a difference.

    Args:
        difference: Mean difference of the two candidates.
        sd: Standard deviation of the difference over seeds.
        level: One less the chance to see a difference that is not there.
        power: Chance to see one that is.

    Returns:
        None for more than ``MOST_SEEDS``.
    """
    if difference == 0:
        return None
    if _all_equal(difference, sd):  # the least n with 2^(1-n) below 1 - level
        return math.floor(1 - math.log2(1 - level)) + 1
    effect = abs(difference) / sd
    seeds = bisect.bisect_left(
        range(2, MOST_SEEDS + 1), power, key=lambda n: _t_power(effect, n, level)
    )
    return seeds + 2 if seeds + 2 <= MOST_SEEDS else None


def _t_power(effect: float, seeds: int, level: float) -> float:
    from scipy.stats import nct, t  # heavy

    reach, shift = t.ppf((1 + level) / 2, seeds - 1), effect * math.sqrt(seeds)
    return float(nct.sf(reach, seeds - 1, shift) + nct.cdf(-reach, seeds - 1, shift))


def _quantiles(level: float, power: float) -> tuple[float, float]:
    from scipy.stats import norm  # heavy

    return float(norm.ppf((1 + level) / 2)), float(norm.ppf(power))
