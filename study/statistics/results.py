"""Results of statistics: intervals, means over seeds, paired tests and reliability bins.

They are apart from the computations so that a report reads stored results without importing SciPy.
"""

from __future__ import annotations

from pydantic.dataclasses import dataclass

LEVEL = 0.95
"""Confidence of every interval; 1 minus the significance level of every test."""
OVER_SEEDS = "paired t-test over seeds"


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A range that covers the true value in ``level`` of all repetitions; bounds included."""

    low: float
    high: float
    level: float = LEVEL

    def covers(self, value: float) -> bool:
        """Return whether ``value`` lies inside."""
        return self.low <= value <= self.high


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """A mean with its standard deviation and interval.

    Args:
        mean: Mean over seeds, or the point estimate over images.
        std: Sample standard deviation over seeds; None for one seed or for images.
        interval: Of the mean; None for one seed.
    """

    mean: float
    std: float | None = None
    interval: Interval | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedTest:
    """A two-sided test of whether the first of two candidates is better, pair by pair.

    Args:
        pairs: Number of seeds, or of images, that both have.
        difference: Mean of first minus second; positive means that the first is better.
        interval: Of the difference; None where the test gives none.
        p_value: Probability of a difference at least as large if there is none in truth.
    """

    method: str
    pairs: int
    difference: float
    interval: Interval | None = None
    p_value: float

    @property
    def favours_first(self) -> bool:
        """Whether the first is significantly better."""
        return self.difference > 0 and self.p_value < 1 - LEVEL


@dataclass(frozen=True, slots=True, kw_only=True)
class ReliabilityBin:
    """Images for which the probability of the predicted class lies in (low, high].

    Args:
        low: Lower bound, excluded; the first bin includes it.
        high: Upper bound, included.
        confidence: Mean probability of the predicted class.
        accuracy: Share of images that are classified correctly.
    """

    low: float
    high: float
    images: int
    confidence: float
    accuracy: float
