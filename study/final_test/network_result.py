"""How one network fares on the test part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from study.common.errors import EvaluationError
from study.final_test.official_metrics import official_metrics
from study.statistics.calibration import expected_calibration_error, reliability
from study.statistics.confusion import balanced_accuracy, confusion_matrix
from study.statistics.intervals import Interval, Statistic, bootstrap, wilson
from study.statistics.weighted import macro_auc, mean_of, mean_over_classes, weighted_mean

ACCURACY, BALANCED, AUC = "test_accuracy", "test_balanced_accuracy", "test_auc"
CALIBRATION = "test_ece"

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

_BOOTSTRAP_SEED = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkResult:
    """How one network fared.

    Args:
        seed: It was trained with.
        measures: ``test_accuracy``, ``test_balanced_accuracy``, ``test_auc`` and ``test_ece``.
        wilson: Of the accuracy, over images.
        bootstrap: Of the first three measures, over images.
        confusion: Images by true class (row) and predicted class (column).
    """

    seed: int
    measures: Mapping[str, float]
    wilson: Interval
    bootstrap: Mapping[str, Interval]
    confusion: tuple[tuple[int, ...], ...]


def probabilities_of(seed: int, scores: NDArray[np.floating], images: int, classes: int) -> Floats:
    """Return softmax probabilities, (images, classes).

    Args:
        seed: Of the network, for messages.
        scores: Its class scores (logits).
        images: How many rows there must be.
        classes: How many columns.

    Raises:
        EvaluationError: The scores are of another form, or not finite.
    """
    if scores.shape != (images, classes):
        raise EvaluationError(
            f"scores of seed {seed}: shape {scores.shape}, expected {(images, classes)}"
        )
    if not np.isfinite(scores).all():
        raise EvaluationError(f"scores of seed {seed} are not finite; its training has diverged")
    shifted = scores.astype(np.float64) - scores.max(axis=1, keepdims=True)
    shares: Floats = np.exp(shifted)
    shares /= shares.sum(axis=1, keepdims=True)
    return shares


def network_result(
    seed: int, probabilities: Floats, labels: Labels, *, task: str, level: float
) -> NetworkResult:
    """Return the figures of one network.

    Args:
        seed: It was trained with.
        probabilities: Of each class, (n, classes).
        labels: True classes, (n,).
        task: MedMNIST's name of the task.
        level: Confidence of the intervals.
    """
    predicted = probabilities.argmax(axis=1)
    confusion = confusion_matrix(labels, predicted, probabilities.shape[1])
    official = official_metrics(probabilities, labels, task=task)
    return NetworkResult(
        seed=seed,
        measures={
            ACCURACY: official.accuracy,
            BALANCED: balanced_accuracy(confusion),
            AUC: official.auc,
            CALIBRATION: expected_calibration_error(reliability(probabilities, labels)),
        },
        wilson=wilson(int(np.trace(confusion)), len(labels), level=level),
        bootstrap=bootstrap_intervals([probabilities], labels, level=level),
        confusion=tuple(tuple(map(int, row)) for row in confusion),
    )


def _statistics(networks: Sequence[Floats], labels: Labels) -> dict[str, Statistic]:
    """Return the measures' means over networks, as statistics of the images."""
    hits = np.mean([shares.argmax(axis=1) == labels for shares in networks], axis=0)
    return {
        ACCURACY: weighted_mean(hits),
        BALANCED: mean_over_classes(hits, labels),
        AUC: mean_of([macro_auc(shares, labels) for shares in networks]),
    }


def bootstrap_intervals(
    networks: Sequence[Floats], labels: Labels, *, level: float
) -> dict[str, Interval]:
    """Return intervals over images of the measures' means over networks.

    Args:
        networks: Probabilities of each network, (n, classes).
        labels: True classes, (n,).
        level: Confidence of the intervals.
    """
    intervals = {
        name: bootstrap(statistic, labels, seed=_BOOTSTRAP_SEED, level=level)
        for name, statistic in _statistics(networks, labels).items()
    }
    return {name: interval for name, interval in intervals.items() if interval is not None}
