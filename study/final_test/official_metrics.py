"""Accuracy and AUC as MedMNIST computes them, so that they compare with published tables."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from study.common.errors import EvaluationError
from study.statistics.bootstrap import macro_auc, plain

MULTI_CLASS = "multi-class"
"""MedMNIST's name for a task with one of several classes; also that of files of one's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OfficialMetrics:
    """What MedMNIST's evaluator reports.

    Args:
        accuracy: Share of images whose most probable class is the true one.
        auc: Mean of the one-versus-rest areas under the ROC curve. Where some class has no
            images, MedMNIST's function gives no number: then of the classes that can be judged,
            and 0.5, as of scores that say nothing, where there is none.
    """

    accuracy: float
    auc: float


def official_metrics(
    probabilities: NDArray[np.float64], labels: NDArray[np.int64], *, task: str = MULTI_CLASS
) -> OfficialMetrics:
    """Return what ``getACC`` and ``getAUC`` of ``medmnist.evaluator`` say.

    Args:
        probabilities: Of each class, (n, classes).
        labels: True classes, (n,), of two images or more.
        task: MedMNIST's name of the task, ``binary-class`` or another one.

    Raises:
        EvaluationError: There are fewer than two images.
    """
    if len(labels) < 2:
        raise EvaluationError(f"{len(labels)} test images; accuracy and AUC need at least two")
    evaluator = _evaluator()
    accuracy = float(evaluator.getACC(labels, probabilities, task))
    present = np.unique(labels)
    if len(present) == 1:
        return OfficialMetrics(accuracy=accuracy, auc=0.5)
    if len(present) < probabilities.shape[1]:
        return OfficialMetrics(
            accuracy=accuracy, auc=plain(macro_auc(probabilities, labels), len(labels))
        )
    area: Callable[..., float] = evaluator.getAUC
    return OfficialMetrics(accuracy=accuracy, auc=float(area(labels, probabilities, task)))


def task_of(dataset: str) -> str:
    """Return MedMNIST's name of a data set's task; ``multi-class`` for other data sets."""
    info = _evaluator().INFO.get(dataset)
    return MULTI_CLASS if info is None else str(info["task"])


@cache
def _evaluator() -> ModuleType:
    """Import it; that downloads nothing, but warns where the home folder cannot be written."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import medmnist.evaluator  # heavy: pandas, scikit-learn and torch

    module: ModuleType = medmnist.evaluator
    return module
