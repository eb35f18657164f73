"""Tests of study/performance_estimation/training/data.py."""

from __future__ import annotations

from dataclasses import astuple

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from study.performance_estimation.training.data import EpochPlan, gather, plan_epoch
from study.search_space.candidate import Recipe

LABELS = torch.tensor([0] * 50 + [1] * 9 + [3])
IMAGES = torch.randint(
    0, 256, (60, 2, 5, 5), generator=torch.Generator().manual_seed(1), dtype=torch.uint8
)
AUGMENTED = Recipe(flip=True, shift=2)


def same(one: EpochPlan, other: EpochPlan) -> bool:
    return all(map(torch.equal, astuple(one), astuple(other)))


@given(seed=st.integers(0, 2**62), epoch=st.integers(1, 10_000))
@pytest.mark.parametrize("balance", ["none", "resample"])
def test_a_plan_is_a_function_of_seed_and_epoch(balance: str, seed: int, epoch: int) -> None:
    recipe = Recipe(flip=True, shift=2, balance=balance)
    torch.manual_seed(seed % 2**31)
    plan = plan_epoch(recipe, LABELS, seed=seed, epoch=epoch)
    torch.rand(3)
    assert same(plan, plan_epoch(recipe, LABELS, seed=seed, epoch=epoch))
    assert not same(plan, plan_epoch(recipe, LABELS, seed=seed, epoch=epoch + 1))
    assert not same(plan, plan_epoch(recipe, LABELS, seed=seed + 1, epoch=epoch))


def test_an_epoch_shows_every_image_once_in_the_same_order_with_and_without_augmentation() -> None:
    plan, moved = (plan_epoch(r, LABELS, seed=1, epoch=1) for r in (Recipe(), AUGMENTED))
    assert torch.equal(plan.order, moved.order)
    assert plan.order.sort().values.tolist() == list(range(60))
    assert plan.flips is None
    assert plan.shifts is None


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
    plan = plan_epoch(AUGMENTED, LABELS, seed=1, epoch=1)
    parts = gather(IMAGES, plan, 0, cut), gather(IMAGES, plan, cut, 60)
    assert torch.equal(torch.cat(parts), gather(IMAGES, plan, 0, 60))
