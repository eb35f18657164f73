"""Metrics of class scores: pure functions of scores and labels.

A class without images in the split is left out of every mean over classes.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from study.statistics.bootstrap import binary_auc, plain

METRICS = ("accuracy", "loss", "balanced_accuracy", "auc", "balanced_log_loss")
"""Names of the metrics, without their split."""


def metrics(logits: Tensor, labels: Tensor) -> dict[str, float]:
    """Return every one of ``METRICS``.

    Args:
        logits: (n, classes), finite.
        labels: True classes, int64 (n,), n ≥ 1.
    """
    log_shares = F.log_softmax(logits.double(), dim=1)
    classes = logits.shape[1]
    hits = (log_shares.argmax(dim=1) == labels).double()
    losses = -log_shares.gather(1, labels[:, None])[:, 0]
    return {
        "accuracy": float(hits.mean()),
        "loss": float(losses.mean()),
        "balanced_accuracy": _mean_over_classes(hits, labels, classes),
        "auc": _macro_auc(log_shares, labels),
        "balanced_log_loss": _mean_over_classes(losses, labels, classes),
    }


def confusion(logits: Tensor, labels: Tensor) -> tuple[tuple[int, ...], ...]:
    """Return the images by true class (row) and class of the highest score (column)."""
    classes = logits.shape[1]
    pairs = labels * classes + logits.argmax(dim=1)
    counts = torch.bincount(pairs, minlength=classes * classes)
    return tuple(map(tuple, counts.reshape(classes, classes).tolist()))


def _mean_over_classes(values: Tensor, labels: Tensor, classes: int) -> float:
    """Return the mean over classes of the mean of ``values`` (n,) within each class."""
    counts = torch.bincount(labels, minlength=classes).double()
    sums = torch.zeros_like(counts).index_add_(0, labels, values)
    present = counts > 0
    return float((sums[present] / counts[present]).mean())


def _macro_auc(scores: Tensor, labels: Tensor) -> float:
    """Return the mean over classes of the area under the one-versus-rest ROC curve.

    Without any class to compare with others it is 0.5, the value of random scores.
    """
    columns, classes = scores.cpu().numpy().T, labels.cpu().numpy()
    areas = [plain(binary_auc(c, classes == i), len(classes)) for i, c in enumerate(columns)]
    judged = [area for area in areas if not math.isnan(area)]
    return sum(judged) / len(judged) if judged else 0.5
