"""What each image says about a network, for tests over images."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

OVER_CLASSES = frozenset({"val_balanced_accuracy", "val_balanced_log_loss"})
"""Measures that are means over classes of the mean in each; the others are plain means."""


def image_values(
    key: str, scores: NDArray[np.floating], labels: NDArray[np.int64]
) -> Values | None:
    """Return each image's part in a measure, (n,), larger is better; None where it has none.

    The area under a ROC curve is made of pairs of images and has no parts.

    Args:
        key: The measure, as ``val_accuracy``.
        scores: Class scores (logits), (n, classes).
        labels: True classes, (n,).
    """
    if key in ("val_accuracy", "val_balanced_accuracy"):
        hits: Values = (scores.argmax(axis=1) == labels).astype(np.float64)
        return hits
    if key in ("val_loss", "val_balanced_log_loss"):
        shifted = scores.astype(np.float64) - scores.max(axis=1, keepdims=True)
        log_shares = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        own: Values = log_shares[np.arange(len(labels)), labels]
        return own
    return None
