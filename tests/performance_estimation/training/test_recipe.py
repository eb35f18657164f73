"""Tests of study/performance_estimation/training/recipe.py."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from study.network.forward import normalise
from study.performance_estimation.training.data import TrainingData
from study.performance_estimation.training.recipe import SCHEDULES, learning_rate, training_loss
from study.performance_estimation.training.training import TrainingSettings, train
from study.search_space.candidate import Architecture, ImageFormat, Recipe
from study.search_space.resolve import resolve

IMAGE = ImageFormat(size=8, classes=3)
STACK = resolve(Architecture(conv_layers=1, channels=4, hidden_units=8), IMAGE)
DARK, BRIGHT = 40, 210


def test_logit_adjustment_adds_the_log_share_of_every_class() -> None:
    labels = torch.tensor([0, 0, 0, 1])
    loss = training_loss(Recipe(balance="logit_adjust"), labels, classes=3)
    scores = torch.tensor([[0.3, -0.2, 0.1]])
    adjusted = scores + torch.tensor([3 / 5, 1 / 5, 1 / 5]).log()  # an absent class counts as one
    expected = F.cross_entropy(adjusted, torch.tensor([1]))
    torch.testing.assert_close(loss(scores, torch.tensor([1])), expected)


def rate_of(schedule: str, peak: float, step: int, steps: int) -> float:
    return learning_rate(Recipe(schedule=schedule, learning_rate=peak), step=step, steps=steps)


def test_onecycle_is_that_of_pytorch() -> None:
    steps = 1000
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.2, total_steps=steps)
    for step in range(steps):  # PyTorch rounds the peak down to a step and reaches the end
        rate = rate_of("onecycle", 0.2, step, steps)
        assert rate == pytest.approx(scheduler.get_last_lr()[0], abs=2e-3)
        optimizer.step()
        scheduler.step()


@given(step=st.integers(0, 99), schedule=st.sampled_from(sorted(SCHEDULES)))
def test_a_rate_is_never_negative_nor_above_its_peak(step: int, schedule: str) -> None:
    assert 0 < rate_of(schedule, 0.1, step, 100) <= 0.1


def test_a_shorter_training_runs_through_the_whole_schedule() -> None:
    for schedule in SCHEDULES:
        rates = [rate_of(schedule, 1.0, n // 2, n) for n in (10, 100, 1000)]
        assert rates == pytest.approx(rates[:1] * 3)


def _images(levels: Tensor) -> Tensor:
    return levels.to(torch.uint8)[:, None, None, None].expand(-1, 1, 8, 8).contiguous()


# Answers to unequal classes, against results by hand. With images that are all alike a network can
# learn the class shares and nothing else. With two kinds it can learn the shares within each kind.


def _learned(levels: Tensor, labels: Tensor, balance: str) -> dict[int, list[float]]:
    """Return the probabilities that a trained network gives to images of each level."""
    images = _images(levels)
    data = TrainingData(
        train_images=images, train_labels=labels, val_images=images[:30], val_labels=labels[:30]
    )
    recipe = Recipe(learning_rate=0.01, batch_size=100, balance=balance, schedule="cosine")
    training = train(STACK, recipe, data, settings=TrainingSettings(seed=3, epochs=40))
    asked = torch.unique(levels)
    with torch.inference_mode():
        shares = training.network(normalise(_images(asked))).softmax(dim=1)
    return dict(zip(asked.tolist(), shares.tolist(), strict=True))


@pytest.mark.parametrize(
    ("balance", "expected"),
    [("none", [0.8, 0.15, 0.05]), ("logit_adjust", [1 / 3] * 3), ("resample", [1 / 3] * 3)],
)
def test_images_without_information_give_the_shares_that_the_recipe_asks_for(
    balance: str, expected: list[float]
) -> None:
    labels = torch.tensor([0] * 480 + [1] * 90 + [2] * 30)
    learned = _learned(torch.full((600,), DARK), labels, balance)
    assert learned[DARK] == pytest.approx(expected, abs=0.04)


@pytest.mark.parametrize("balance", ["logit_adjust", "resample"])
def test_a_balanced_network_names_the_class_that_is_over_represented(balance: str) -> None:
    counts = {DARK: np.array([360, 15, 5]), BRIGHT: np.array([120, 75, 25])}
    levels = torch.cat([torch.full((int(n.sum()),), level) for level, n in counts.items()])
    labels = torch.cat(
        [torch.repeat_interleave(torch.arange(3), torch.tensor(n)) for n in counts.values()]
    )
    prior = sum(counts.values()) / sum(n.sum() for n in counts.values())
    learned = _learned(levels, labels, balance)
    for level, n in counts.items():
        by_hand = n / n.sum() / prior
        by_hand = by_hand / by_hand.sum()
        assert learned[level] == pytest.approx(list(by_hand), abs=0.06)
    plain = _learned(levels, labels, "none")
    assert np.argmax(plain[BRIGHT]) == 0, "the frequent class, for every image"
    assert np.argmax(learned[BRIGHT]) in (1, 2), (
        "which are five times as frequent in bright images"
    )
