"""How well each class is recognised, and whether probabilities are calibrated."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix as sklearn_confusion_matrix

from study.statistics.results import ReliabilityBin

BINS = 15
"""As in Guo et al. 2017 (arXiv 1706.04599), so that calibration errors are comparable."""

Counts = NDArray[np.int64]


def confusion_matrix(
    labels: NDArray[np.int64], predicted: NDArray[np.int64], classes: int
) -> Counts:
    """Return counts (classes, classes): row = true class, column = predicted class."""
    matrix: Counts = sklearn_confusion_matrix(labels, predicted, labels=np.arange(classes))
    return matrix


def recalls(confusion: Counts) -> NDArray[np.float64]:
    """Return the share of each class's images that are recognised; NaN without images."""
    return _shares(np.diagonal(confusion), confusion.sum(axis=1))


def precisions(confusion: Counts) -> NDArray[np.float64]:
    """Return the share of each class's predictions that are right; NaN without predictions."""
    return _shares(np.diagonal(confusion), confusion.sum(axis=0))


def balanced_accuracy(confusion: Counts) -> float:
    """Return the mean recall of the classes that have images."""
    return float(np.nanmean(recalls(confusion)))


def _shares(hits: Counts, totals: Counts) -> NDArray[np.float64]:
    shares = np.full(len(totals), np.nan)
    np.divide(hits, totals, out=shares, where=totals > 0)
    return shares


def reliability(
    probabilities: NDArray[np.float64], labels: NDArray[np.int64], *, bins: int = BINS
) -> tuple[ReliabilityBin, ...]:
    """Return accuracy by confidence, in bins of equal width; empty bins are left out.

    Args:
        probabilities: Of each class, (n, classes).
        labels: True classes, (n,).
        bins: Number of bins.
    """
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    member = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    return tuple(
        ReliabilityBin(
            low=index / bins,
            high=(index + 1) / bins,
            images=int(np.count_nonzero(member == index)),
            confidence=float(confidence[member == index].mean()),
            accuracy=float(right[member == index].mean()),
        )
        for index in np.unique(member).tolist()
    )


def expected_calibration_error(bins: tuple[ReliabilityBin, ...]) -> float:
    """Return Σ share of images · |accuracy - confidence| (Guo et al. 2017, eq. 3)."""
    images = sum(b.images for b in bins)
    return sum(b.images * abs(b.accuracy - b.confidence) for b in bins) / images
