"""The images of a training, and in which order and how moved an epoch shows them.

Everything random is drawn before the epoch starts, one or two numbers for each image. An epoch is
therefore a function of (seed, epoch) and does not depend on how it is cut into batches.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from study.data.parts import stratified_subset
from study.data.resize import resize
from study.performance_estimation.estimator import EstimatorContext
from study.performance_estimation.training.process import derived_generator
from study.search_space.candidate import Recipe

GREY = 127
"""Pixel value that ``normalise`` maps next to 0."""


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
        warps: Rotation and change of size, as the matrix of ``affine_grid``, float32 (n, 2, 3).
        brightness: Factor of the pixels, float32 (n,).
        boxes: Rectangle that becomes grey: top, bottom, left, right, int64 (n, 4).
        mixing: Share of the image itself in the mix with another, float32 (n,).
    """

    order: Tensor
    flips: Tensor | None = None
    shifts: Tensor | None = None
    warps: Tensor | None = None
    brightness: Tensor | None = None
    boxes: Tensor | None = None
    mixing: Tensor | None = None


def plan_epoch(
    recipe: Recipe, labels: Tensor, *, seed: int, epoch: int, size: int = 28
) -> EpochPlan:
    """Return the plan of ``epoch`` (from 1), on the device of ``labels``.

    The numbers are drawn on the CPU, so the plan is the same on every device.

    Args:
        labels: Classes of all training images, int64 (n,).
        size: Height and width of the images, in pixels.
    """
    generator = derived_generator(seed, "epoch", epoch)
    n, device = len(labels), labels.device
    if recipe.balance == "resample":
        order = _resampled(labels.cpu(), generator)
    else:
        order = torch.randperm(n, generator=generator)
    moves: dict[str, Tensor] = {}
    if recipe.flip:
        moves["flips"] = torch.randint(2, (n,), generator=generator).bool()
    if recipe.shift:
        low, high = -recipe.shift, recipe.shift + 1
        moves["shifts"] = torch.randint(low, high, (n, 2), generator=generator)
    if recipe.rotate or recipe.scale:
        moves["warps"] = _warps(recipe, n, generator)
    if recipe.brightness:
        moves["brightness"] = 1 + recipe.brightness * _symmetric(n, generator)
    if recipe.erase:
        moves["boxes"] = _boxes(recipe.erase, n, size, generator)
    if recipe.mixup:
        seed = int(torch.randint(2**62, (), generator=generator))
        shares = np.random.default_rng(seed).beta(recipe.mixup, recipe.mixup, n)
        moves["mixing"] = torch.from_numpy(shares).float()
    return EpochPlan(
        order=order.to(device), **{name: tensor.to(device) for name, tensor in moves.items()}
    )


def _symmetric(n: int, generator: Generator) -> Tensor:
    """Draw n numbers between -1 and 1."""
    return 2 * torch.rand(n, generator=generator) - 1


def _warps(recipe: Recipe, n: int, generator: Generator) -> Tensor:
    angles = math.radians(recipe.rotate) * _symmetric(n, generator)
    zooms = 1 + recipe.scale * _symmetric(n, generator)
    cos, sin, zero = angles.cos() / zooms, angles.sin() / zooms, torch.zeros(n)
    return torch.stack([cos, -sin, zero, sin, cos, zero], dim=1).view(n, 2, 3)


def _boxes(probability: float, n: int, size: int, generator: Generator) -> Tensor:
    """Draw rectangles of 2 to 33 % of the image, of aspect ratio 0.3 to 3.3, or empty ones.

    The ranges are those of torchvision's ``RandomErasing`` (Zhong et al., arXiv 1708.04896).
    """
    area = 0.02 + 0.31 * torch.rand(n, generator=generator)
    ratio = (math.log(3.3) * _symmetric(n, generator)).exp()
    erased = torch.rand(n, generator=generator) < probability
    height = ((area * ratio).sqrt() * size).round().clamp(1, size) * erased
    width = ((area / ratio).sqrt() * size).round().clamp(1, size) * erased
    top = ((size - height + 1) * torch.rand(n, generator=generator)).floor()
    left = ((size - width + 1) * torch.rand(n, generator=generator)).floor()
    return torch.stack([top, top + height, left, left + width], dim=1).long()


def _resampled(labels: Tensor, generator: Generator) -> Tensor:
    """Draw n images with replacement, each class that occurs with the same probability."""
    counts = torch.bincount(labels)
    weights = counts.double().reciprocal()[labels]
    return torch.multinomial(weights, len(labels), replacement=True, generator=generator)


def planned_targets(labels: Tensor, plan: EpochPlan, *, classes: int) -> Tensor:
    """Return the targets in the order of the epoch.

    They are classes, int64 (n,); with mixup they are shares of the classes, float32 (n, classes).

    Args:
        labels: Classes of all training images, int64 (n,).
        plan: From ``plan_epoch``.
        classes: Number of classes.
    """
    ordered = labels[plan.order]
    return ordered if plan.mixing is None else F.one_hot(ordered, classes).float()


def batch_of(
    images: Tensor, targets: Tensor, plan: EpochPlan, start: int, stop: int
) -> tuple[Tensor, Tensor]:
    """Return images ``start`` to ``stop`` of the epoch as planned, and their targets.

    Mixup mixes each image with the one at the same distance from the other end of the batch
    (Zhang et al., arXiv 1710.09412).

    Args:
        images: All training images, uint8 (n, c, h, w).
        targets: From ``planned_targets``.
        plan: From ``plan_epoch``.
        start: First position in the epoch.
        stop: Position after the last.
    """
    batch, wanted = gather(images, plan, start, stop), targets[start:stop]
    if plan.warps is not None:
        grid = F.affine_grid(plan.warps[start:stop], list(batch.shape), align_corners=False)
        batch = _as_pixels(
            F.grid_sample(batch.float(), grid, padding_mode="border", align_corners=False)
        )
    if plan.brightness is not None:
        batch = _as_pixels(batch.float() * plan.brightness[start:stop, None, None, None])
    if plan.boxes is not None:
        batch = _erased(batch, plan.boxes[start:stop])
    if plan.mixing is not None:
        share = plan.mixing[start:stop]
        wanted = torch.lerp(wanted.flip(0), wanted, share[:, None])
        mixed = torch.lerp(batch.flip(0).float(), batch.float(), share[:, None, None, None])
        batch = _as_pixels(mixed)
    return batch, wanted


def _as_pixels(images: Tensor) -> Tensor:
    return images.round_().clamp_(0, 255).to(torch.uint8)


def _erased(images: Tensor, boxes: Tensor) -> Tensor:
    """Return the images with a box each in the grey that the network sees as almost 0."""
    top, bottom, left, right = (side[:, None] for side in boxes.unbind(1))
    rows = torch.arange(images.shape[2], device=images.device)
    columns = torch.arange(images.shape[3], device=images.device)
    inside = ((rows >= top) & (rows < bottom))[:, :, None] & (
        (columns >= left) & (columns < right)
    )[:, None, :]
    return images.masked_fill(inside[:, None], GREY)


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
