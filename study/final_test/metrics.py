"""Measures on the test part: accuracy and AUC as MedMNIST computes them, and calibration."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix as sklearn_confusion_matrix

from study.common.errors import EvaluationError
from study.statistics.bootstrap import Floats, Labels, macro_auc, plain
from study.statistics.results import ReliabilityBin

with warnings.catch_warnings():  # it warns where the home folder cannot be written
    warnings.simplefilter("ignore")
    from medmnist import INFO, evaluator

MULTI_CLASS = "multi-class"
"""MedMNIST's name for a task with one of several classes; also that of a user's files."""

BINS = 15
"""As in Guo et al. 2017 (arXiv 1706.04599), so that calibration errors are comparable."""

Counts = NDArray[np.int64]


def official_metrics(
    probabilities: Floats, labels: Labels, *, task: str = MULTI_CLASS
) -> tuple[float, float]:
    """Return accuracy and AUC by ``getACC`` and ``getAUC`` of ``medmnist.evaluator``.

    The accuracy is the share of images whose most probable class is the true one. The AUC is the
    mean of the one-versus-rest areas under the ROC curve. MedMNIST's function gives no number if a
    class has no images. Then the AUC is the mean over the other classes, or 0.5 if only one class
    has images.

    Args:
        probabilities: Of each class, (n, classes).
        labels: True classes, (n,), of two images or more.
        task: MedMNIST's name of the task, ``binary-class`` or another one.

    Raises:
        EvaluationError: There are fewer than two images.
    """
    if len(labels) < 2:
        raise EvaluationError(f"{len(labels)} test images; accuracy and AUC need at least two")
    accuracy = float(evaluator.getACC(labels, probabilities, task))
    present = np.unique(labels)
    if len(present) == 1:
        return accuracy, 0.5
    if len(present) < probabilities.shape[1]:
        return accuracy, plain(macro_auc(probabilities, labels), len(labels))
    return accuracy, float(evaluator.getAUC(labels, probabilities, task))


def task_of(dataset: str) -> str:
    """Return MedMNIST's name of a data set's task; ``multi-class`` for other data sets."""
    info = INFO.get(dataset)
    return MULTI_CLASS if info is None else str(info["task"])


def confusion_matrix(labels: Labels, predicted: Labels, classes: int) -> Counts:
    """Return counts (classes, classes): row = true class, column = predicted class."""
    matrix: Counts = sklearn_confusion_matrix(labels, predicted, labels=np.arange(classes))
    return matrix


def recalls(confusion: Counts) -> Floats:
    """Return the share of each class's images that are recognised; NaN without images."""
    return _shares(np.diagonal(confusion), confusion.sum(axis=1))


def precisions(confusion: Counts) -> Floats:
    """Return the share of each class's predictions that are right; NaN without predictions."""
    return _shares(np.diagonal(confusion), confusion.sum(axis=0))


def balanced_accuracy(confusion: Counts) -> float:
    """Return the mean recall of the classes that have images."""
    return float(np.nanmean(recalls(confusion)))


def _shares(hits: Counts, totals: Counts) -> Floats:
    shares = np.full(len(totals), np.nan)
    np.divide(hits, totals, out=shares, where=totals > 0)
    return shares


def reliability(
    probabilities: Floats, labels: Labels, *, bins: int = BINS
) -> tuple[ReliabilityBin, ...]:
    """Return accuracy by confidence, in bins of equal width; empty bins are left out.

    Args:
        probabilities: Of each class, (n, classes).
        labels: True classes, (n,).
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
