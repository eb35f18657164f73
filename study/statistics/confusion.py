"""Which class is taken for which, and how well each class is found."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]


def confusion_matrix(
    labels: NDArray[np.int64], predicted: NDArray[np.int64], classes: int
) -> Counts:
    """Return counts (classes, classes): row = true class, column = predicted class."""
    flat = np.bincount(labels * classes + predicted, minlength=classes * classes)
    return flat.reshape(classes, classes).astype(np.int64)


def recalls(confusion: Counts) -> NDArray[np.float64]:
    """Return the share of each class's images that were found; NaN for a class without images."""
    return _shares(np.diagonal(confusion), confusion.sum(axis=1))


def precisions(confusion: Counts) -> NDArray[np.float64]:
    """Return the share of each class's predictions that were right; NaN where there were none."""
    return _shares(np.diagonal(confusion), confusion.sum(axis=0))


def balanced_accuracy(confusion: Counts) -> float:
    """Return the mean recall of the classes that have images."""
    return float(np.nanmean(recalls(confusion)))


def _shares(hits: Counts, totals: Counts) -> NDArray[np.float64]:
    shares = np.full(len(totals), np.nan)
    np.divide(hits, totals, out=shares, where=totals > 0)
    return shares
