"""Tests of study/performance_estimation/training/data.py."""

from __future__ import annotations

from dataclasses import astuple, replace

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from torch import Tensor

from study.performance_estimation.training.data import (
    GREY,
    EpochPlan,
    batch_of,
    gather,
    plan_epoch,
    planned_targets,
)
from study.search_space.candidate import Recipe

LABELS = torch.tensor([0] * 50 + [1] * 9 + [3])
IMAGES = torch.randint(
    0, 256, (60, 2, 5, 5), generator=torch.Generator().manual_seed(1), dtype=torch.uint8
)
AUGMENTED = Recipe(flip=True, shift=2)
DISTORTED = replace(AUGMENTED, rotate=30, scale=0.3, brightness=0.3, erase=0.5)


def same(one: EpochPlan, other: EpochPlan) -> bool:
    return all(map(torch.equal, astuple(one), astuple(other)))


@given(seed=st.integers(0, 2**62), epoch=st.integers(1, 10_000))
@pytest.mark.parametrize("balance", ["none", "resample"])
def test_a_plan_is_a_function_of_seed_and_epoch(balance: str, seed: int, epoch: int) -> None:
    recipe = replace(DISTORTED, mixup=0.2, balance=balance)
    torch.manual_seed(seed % 2**31)
    plan = plan_epoch(recipe, LABELS, seed=seed, epoch=epoch)
    torch.rand(3)
    assert same(plan, plan_epoch(recipe, LABELS, seed=seed, epoch=epoch))
    assert not same(plan, plan_epoch(recipe, LABELS, seed=seed, epoch=epoch + 1))
    assert not same(plan, plan_epoch(recipe, LABELS, seed=seed + 1, epoch=epoch))


def test_an_epoch_shows_every_image_once_in_the_same_order_with_and_without_augmentation() -> None:
    plan, moved = (plan_epoch(r, LABELS, seed=1, epoch=1) for r in (Recipe(), DISTORTED))
    assert torch.equal(plan.order, moved.order)
    assert plan.order.sort().values.tolist() == list(range(60))
    assert all(part is None for part in astuple(plan)[1:])


def test_resampling_shows_every_class_alike() -> None:
    recipe = Recipe(balance="resample")
    shown = torch.cat(
        [LABELS[plan_epoch(recipe, LABELS, seed=1, epoch=e).order] for e in range(1, 101)]
    )
    shares = torch.bincount(shown, minlength=4) / len(shown)
    assert shares.tolist() == pytest.approx([1 / 3, 1 / 3, 0, 1 / 3], abs=0.03)


def test_flips_and_shifts_are_uniform() -> None:
    plans = [plan_epoch(AUGMENTED, LABELS, seed=1, epoch=epoch) for epoch in range(1, 101)]
    flips = torch.cat([plan.flips for plan in plans if plan.flips is not None])
    shifts = torch.cat([plan.shifts for plan in plans if plan.shifts is not None])
    assert float(flips.float().mean()) == pytest.approx(0.5, abs=0.03)
    counts = torch.bincount(shifts.flatten() + 2) / shifts.numel()
    assert counts.tolist() == pytest.approx([0.2] * 5, abs=0.02)


def test_images_come_in_the_order_of_the_plan() -> None:
    plan = plan_epoch(Recipe(), LABELS, seed=1, epoch=1)
    assert torch.equal(gather(IMAGES, plan, 10, 20), IMAGES[plan.order[10:20]])


@given(flip=st.booleans(), down=st.integers(-4, 4), right=st.integers(-4, 4))
@example(flip=False, down=0, right=0)
@example(flip=True, down=0, right=0)
def test_a_flip_mirrors_left_and_right_and_a_shift_repeats_the_edge(
    flip: bool, down: int, right: int
) -> None:
    image = IMAGES[7].flip(2) if flip else IMAGES[7]
    padded = torch.nn.functional.pad(image[None].float(), (4, 4, 4, 4), mode="replicate")
    expected = padded[:, :, 4 - down : 9 - down, 4 - right : 9 - right]
    plan = EpochPlan(
        order=torch.tensor([7]),
        flips=torch.tensor([flip]),
        shifts=torch.tensor([[down, right]]),
    )
    assert torch.equal(gather(IMAGES, plan, 0, 1).float(), expected)


@given(cut=st.integers(1, 59))
def test_how_an_epoch_is_cut_into_batches_changes_nothing(cut: int) -> None:
    plan = plan_epoch(DISTORTED, LABELS, seed=1, epoch=1, size=5)
    labels = LABELS[plan.order]
    whole = batch_of(IMAGES, labels, plan, 0, 60)
    parts = [batch_of(IMAGES, labels, plan, *ends) for ends in ((0, cut), (cut, 60))]
    for i, expected in enumerate(whole):
        assert torch.equal(torch.cat([part[i] for part in parts]), expected)


def distorted(recipe: Recipe, images: Tensor = IMAGES) -> Tensor:
    """Return the images of an epoch in the order of ``images``."""
    plan = plan_epoch(recipe, LABELS, seed=1, epoch=1, size=images.shape[-1])
    batch, targets = batch_of(images, LABELS[plan.order], plan, 0, 60)
    assert torch.equal(targets, LABELS[plan.order])
    return batch[plan.order.argsort()]


def test_a_rotation_by_a_quarter_turn_moves_every_pixel_to_its_place() -> None:
    quarter = torch.tensor([[[0.0, -1.0, 0.0], [1.0, 0.0, 0.0]]]).expand(60, 2, 3)
    plan = EpochPlan(order=torch.arange(60), warps=quarter)
    batch, _ = batch_of(IMAGES, LABELS, plan, 0, 60)
    assert torch.equal(batch, IMAGES.rot90(1, (2, 3)))


def test_rotation_and_scale_keep_an_even_image() -> None:
    even = torch.full_like(IMAGES, 77)
    assert torch.equal(distorted(Recipe(rotate=40, scale=0.4), even), even)


def test_rotation_changes_most_images_and_no_rotation_none() -> None:
    assert torch.equal(distorted(Recipe()), IMAGES)
    changed = (distorted(Recipe(rotate=40)) != IMAGES).flatten(1).any(1)
    assert float(changed.float().mean()) > 0.9


def test_brightness_is_a_factor_within_its_range() -> None:
    factors = distorted(Recipe(brightness=0.3), torch.full_like(IMAGES, 100)).float() / 100
    assert 0.69 < float(factors.min()) < 0.8
    assert 1.2 < float(factors.max()) < 1.31
    assert torch.equal(factors.amin((1, 2, 3)), factors.amax((1, 2, 3)))


def test_a_share_of_the_images_gets_a_grey_rectangle() -> None:
    white = torch.full((60, 1, 20, 20), 255, dtype=torch.uint8)
    grey = distorted(Recipe(erase=0.5), white) == GREY
    shares = grey.float().mean((1, 2, 3))
    assert 0.3 < float((shares > 0).float().mean()) < 0.7
    assert 0.01 < float(shares[shares > 0].min()) < float(shares.max()) < 0.4
    for image in grey[shares > 0][:, 0]:
        rows, columns = image.any(1), image.any(0)
        assert torch.equal(image, rows[:, None] & columns[None, :])


def test_mixup_mixes_images_and_classes_in_the_same_shares() -> None:
    plan = plan_epoch(Recipe(mixup=1.0), LABELS, seed=1, epoch=1)
    labels = LABELS[plan.order]
    shares = planned_targets(LABELS, plan, classes=4)
    batch, targets = batch_of(IMAGES, shares, plan, 0, 60)
    assert plan.mixing is not None
    images, share = IMAGES[plan.order].float(), plan.mixing[:, None, None, None]
    expected = share * images + (1 - share) * images.flip(0)
    assert (batch.float() - expected).abs().max() <= 0.51
    assert targets.shape == (60, 4)
    torch.testing.assert_close(targets.sum(1), torch.ones(60))
    for position, row in enumerate(targets):
        own, other = labels[position], labels[59 - position]
        if own != other:
            assert float(row[own]) == pytest.approx(float(plan.mixing[position]))
