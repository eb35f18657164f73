"""Whether a network's probabilities mean what they say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BINS = 15
"""As Guo et al. 2017 (arXiv 1706.04599), so that figures compare."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReliabilityBin:
    """Images whose predicted class got a probability in (low, high].

    Args:
        low: Lower bound, left out; the first bin includes it.
        high: Upper bound, included.
        images: How many there are.
        confidence: Mean probability of the predicted class; None without images.
        accuracy: Share of them that are right; None without images.
    """

    low: float
    high: float
    images: int
    confidence: float | None
    accuracy: float | None


def reliability(
    probabilities: NDArray[np.float64], labels: NDArray[np.int64], *, bins: int = BINS
) -> tuple[ReliabilityBin, ...]:
    """Return accuracy by confidence, in bins of equal width.

    Args:
        probabilities: Of each class, (n, classes).
        labels: True classes, (n,).
        bins: How many bins.
    """
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    place = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    return tuple(_bin(i, bins, confidence[place == i], right[place == i]) for i in range(bins))


def _bin(
    index: int, bins: int, confidence: NDArray[np.float64], right: NDArray[np.bool_]
) -> ReliabilityBin:
    some = len(confidence) > 0
    return ReliabilityBin(
        low=index / bins,
        high=(index + 1) / bins,
        images=len(confidence),
        confidence=float(confidence.mean()) if some else None,
        accuracy=float(right.mean()) if some else None,
    )


def expected_calibration_error(bins: tuple[ReliabilityBin, ...]) -> float:
    """Return Σ share of images · |accuracy - confidence| (Guo et al. 2017, eq. 3)."""
    images = sum(b.images for b in bins)
    gaps = (
        b.images * abs(b.accuracy - b.confidence)
        for b in bins
        if b.accuracy is not None and b.confidence is not None
    )
    return sum(gaps) / images
