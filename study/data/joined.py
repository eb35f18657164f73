"""Training and validation images as one training part, for the last training before a test."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import torch

from study.data.dataset import SearchData, content_sha256


def joined(data: SearchData, *, left_out: Sequence[int] = ()) -> SearchData:
    """Return the data with its validation images added to the training images.

    The validation part stays as it is; what is measured on it then, was learned.

    Args:
        data: The two parts.
        left_out: Indices of validation images that are not added; the copy then has its own
            digest and a note.
    """
    keep = torch.ones(len(data.val_labels), dtype=torch.bool)
    keep[list(left_out)] = False
    together = dataclasses.replace(
        data,
        train_images=torch.cat([data.train_images, data.val_images[keep]]),
        train_labels=torch.cat([data.train_labels, data.val_labels[keep]]),
        warnings=(
            *data.warnings,
            "trained on the training and validation images: the validation figures of these "
            "trainings are figures on images that were learned, and say nothing.",
        ),
    )
    return _told(together, len(left_out)) if left_out else together


def _told(data: SearchData, left_out: int) -> SearchData:
    train = data.train_images.numpy(), data.train_labels.numpy()
    val = data.val_images.numpy(), data.val_labels.numpy()
    return dataclasses.replace(
        data,
        sha256=content_sha256(data.split, (*train, *val)),
        notes=(*data.notes, f"validation images not learned for a twin in test: {left_out:,}."),
    )
