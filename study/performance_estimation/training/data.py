"""The images of a training, and in which order and how moved an epoch shows them.

Everything random is drawn before the epoch starts, one or two numbers for each image. An epoch is
therefore a function of (seed, epoch) and does not depend on how it is cut into batches.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from study.data.parts import stratified_subset
from study.data.resize import resize
from study.performance_estimation.estimator import EstimatorContext
from study.performance_estimation.training.process import derived_generator
from study.search_space.candidate import Recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingData:
    """The images a candidate is trained and validated on, all on one device.

    Args:
        train_images: uint8 (n, channels, size, size), as are ``val_images``.
        train_labels: int64 (n,), as are ``val_labels``.
        origin: Identifies the images: a checkpoint of other images is not continued.
    """

    train_images: Tensor
    train_labels: Tensor
    val_images: Tensor
    val_labels: Tensor
    origin: str = ""

    @property
    def device(self) -> torch.device:
        """Where the training runs."""
        return self.train_images.device


def training_data(context: EstimatorContext) -> TrainingData:
    """Return the study's share of the images at its size, on its device."""
    data = context.data
    assert data is not None
    images, labels = data.train_images, data.train_labels
    if context.fraction < 1.0:
        chosen = stratified_subset(labels.numpy(), context.fraction, seed=context.seed)
        images, labels = images[chosen], labels[chosen]
    val_images = data.val_images
    if context.image.size != data.image.size:
        images, val_images = (
            torch.from_numpy(resize(part.numpy(), context.image.size))
            for part in (images, val_images)
        )
    device = context.device
    return TrainingData(
        train_images=images.to(device),
        train_labels=labels.to(device),
        val_images=val_images.to(device),
        val_labels=data.val_labels.to(device),
        origin=f"{data.sha256} {len(labels)}",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochPlan:
    """What one epoch shows. All tensors are of length n, the number of training images.

    Args:
        order: Index of each image in the data, int64.
        flips: True where an image is mirrored left to right; None for no flips at all.
        shifts: Pixels down and right, int64 (n, 2); None for no shifts at all.
    """

    order: Tensor
    flips: Tensor | None
    shifts: Tensor | None


def plan_epoch(recipe: Recipe, labels: Tensor, *, seed: int, epoch: int) -> EpochPlan:
    """Return the plan of ``epoch`` (from 1), on the device of ``labels``.

    The numbers are drawn on the CPU, so the plan is the same on every device.

    Args:
        labels: Classes of all training images, int64 (n,).
    """
    generator = derived_generator(seed, "epoch", epoch)
    n, device = len(labels), labels.device
    if recipe.balance == "resample":
        order = _resampled(labels.cpu(), generator)
    else:
        order = torch.randperm(n, generator=generator)
    flips = shifts = None
    if recipe.flip:
        flips = torch.randint(2, (n,), generator=generator).bool().to(device)
    if recipe.shift:
        low, high = -recipe.shift, recipe.shift + 1
        shifts = torch.randint(low, high, (n, 2), generator=generator).to(device)
    return EpochPlan(order=order.to(device), flips=flips, shifts=shifts)


def _resampled(labels: Tensor, generator: Generator) -> Tensor:
    """Draw n images with replacement, each class that occurs with the same probability."""
    counts = torch.bincount(labels)
    weights = counts.double().reciprocal()[labels]
    return torch.multinomial(weights, len(labels), replacement=True, generator=generator)


def gather(images: Tensor, plan: EpochPlan, start: int, stop: int) -> Tensor:
    """Return images ``start`` to ``stop`` of the epoch, (stop - start, c, h, w), moved as planned.

    Pixels that a shift brings in repeat the nearest edge.

    Args:
        images: All training images, uint8 (n, c, h, w).
    """
    order = plan.order[start:stop]
    if plan.flips is None and plan.shifts is None:
        return images.index_select(0, order)
    channels, height, width = images.shape[1:]
    rows = torch.arange(height, device=images.device).expand(len(order), height)
    columns = torch.arange(width, device=images.device).expand(len(order), width)
    if plan.flips is not None:
        flipped = plan.flips[start:stop, None]
        columns = torch.where(flipped, width - 1 - columns, columns)
    if plan.shifts is not None:
        down, right = torch.split(plan.shifts[start:stop], 1, dim=1)
        rows = (rows - down).clamp_(0, height - 1)
        source = torch.arange(width, device=images.device) - right
        columns = columns.gather(1, source.clamp_(0, width - 1))
    return images[
        order[:, None, None, None],
        torch.arange(channels, device=images.device)[None, :, None, None],
        rows[:, None, :, None],
        columns[:, None, None, :],
    ]
