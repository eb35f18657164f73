"""Training and validation images as one training part, for the last training before a test."""

from __future__ import annotations

import dataclasses

import torch

from study.data.dataset import SearchData


def joined(data: SearchData) -> SearchData:
    """Return the data with its validation images added to the training images.

    The validation part stays as it is; what is measured on it then, was learned.
    """
    return dataclasses.replace(
        data,
        train_images=torch.cat([data.train_images, data.val_images]),
        train_labels=torch.cat([data.train_labels, data.val_labels]),
        warnings=(
            *data.warnings,
            "trained on the training and validation images: the validation figures of these "
            "trainings are figures on images that were learned, and say nothing.",
        ),
    )
