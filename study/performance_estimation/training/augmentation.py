"""Which images an epoch shows, in which order, and how they are moved.

Everything is drawn before the epoch starts, one number or two for each image, so that an epoch is
a function of (seed, epoch) and not of how it is cut into batches.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from study.performance_estimation.training.seeds import derived_generator
from study.search_space.candidate import Recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochPlan:
    """What one epoch shows. All tensors are of length n, the number of training images.

    Args:
        order: Place of each image in the data, int64.
        flips: True where an image is mirrored left to right; None for no flips at all.
        shifts: Pixels down and right, int64 (n, 2); None for no shifts at all.
    """

    order: Tensor
    flips: Tensor | None
    shifts: Tensor | None


def plan_epoch(recipe: Recipe, labels: Tensor, *, seed: int, epoch: int) -> EpochPlan:
    """Return the plan of ``epoch``, on the device of ``labels``.

    The numbers are drawn on the CPU, so the plan is the same on every device.

    Args:
        recipe: ``balance``, ``flip`` and ``shift`` of it are used.
        labels: Classes of all training images, int64 (n,).
        seed: Seed of the training.
        epoch: Number of the epoch, from 1.
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
    """Draw n images with replacement, each class that there is with the same probability."""
    counts = torch.bincount(labels)
    weights = counts.double().reciprocal()[labels]
    return torch.multinomial(weights, len(labels), replacement=True, generator=generator)


def gather(images: Tensor, plan: EpochPlan, start: int, stop: int) -> Tensor:
    """Return images ``start`` to ``stop`` of the epoch, (stop - start, c, h, w), moved as planned.

    Pixels that a shift brings in repeat the nearest edge.

    Args:
        images: All training images, uint8 (n, c, h, w).
        plan: From ``plan_epoch``.
        start: First place in the epoch.
        stop: Place after the last.
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
        columns = _shifted(columns, right)
    return images[
        order[:, None, None, None],
        torch.arange(channels, device=images.device)[None, :, None, None],
        rows[:, None, :, None],
        columns[:, None, None, :],
    ]


def _shifted(columns: Tensor, right: Tensor) -> Tensor:
    """Move each row of column numbers (n, w) to the right, the nearest edge coming in."""
    width = columns.shape[1]
    source = torch.arange(width, device=columns.device) - right
    return columns.gather(1, source.clamp_(0, width - 1))
