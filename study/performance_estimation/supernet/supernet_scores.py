"""How good a path of a supernet is: one pass over the validation images."""

from __future__ import annotations

import torch
from torch import Tensor

from study.network.blocks import Dropout
from study.network.forward import normalise
from study.performance_estimation.supernet.shared_weights import (
    SharedWeights,
    fresh_statistics,
    layers,
    path_scores,
)
from study.performance_estimation.training.epoch import VALIDATION_BATCH
from study.performance_estimation.training.metrics import metrics
from study.performance_estimation.training.training import TrainingData
from study.search_space.resolve import Stack

CALIBRATION_BATCHES = 20
"""Batches of training images that a path's batch-norm statistics are computed from."""

_CALIBRATION_BATCH = 128


@torch.no_grad()
def path_metrics(
    shared: SharedWeights, stack: Stack, data: TrainingData, *, dtype: torch.dtype
) -> dict[str, float]:
    """Return the metrics of a path on all validation images, named with their split.

    Shared weights meet other activations in every path, so running statistics kept while the
    others trained would be wrong for all: they are computed anew from training images.

    Args:
        shared: The weights; not changed.
        stack: The path.
        data: Statistics come from its training images, the metrics from its validation images.
        dtype: Type that the network computes in.
    """
    weights = shared.weights(stack)
    statistics = fresh_statistics(stack, data.device)
    if statistics:
        _calibrate(stack, weights, statistics, data.train_images, dtype)
    layers(stack).eval()
    logits = [
        path_scores(stack, weights, statistics, normalise(images, dtype)).float()
        for images in torch.split(data.val_images, VALIDATION_BATCH)
    ]
    return {f"val_{name}": v for name, v in metrics(torch.cat(logits), data.val_labels).items()}


def _calibrate(
    stack: Stack,
    weights: dict[str, Tensor],
    statistics: dict[str, Tensor],
    images: Tensor,
    dtype: torch.dtype,
) -> None:
    """Move ``statistics`` to the mean over batches spread evenly over the training images."""
    network = layers(stack).train()
    for layer in network.modules():
        if isinstance(layer, Dropout):
            layer.eval()
    wanted = min(len(images), CALIBRATION_BATCHES * _CALIBRATION_BATCH)
    chosen = torch.linspace(0, len(images) - 1, wanted, device=images.device).long()
    for batch in torch.split(images[chosen], _CALIBRATION_BATCH):
        path_scores(stack, weights, statistics, normalise(batch, dtype))
