"""The fast training is the plain loop's training: same weights and order in, same losses out."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from benchmarks.plain_loop import plain_network
from study.data.dataset import load_search_data
from study.network.build import build
from study.performance_estimation.training.data import TrainingData, plan_epoch
from study.performance_estimation.training.process import derived_generator
from study.performance_estimation.training.training import TrainingSettings, train
from study.search_space.candidate import Architecture, Candidate
from study.search_space.resolve import resolve

SEED, EPOCHS = 5, 2


@pytest.fixture(scope="module")
def digits() -> TrainingData:
    found = load_search_data("digits")
    return TrainingData(
        train_images=found.train_images[:640],
        train_labels=found.train_labels[:640],
        val_images=found.val_images,
        val_labels=found.val_labels,
    )


def _same_weights(source: nn.Module, target: nn.Module) -> None:
    """Copy weights; the plain loop flattens channels first, ours last."""
    kinds = (nn.Conv2d, nn.Linear)
    pairs = zip(
        (layer for layer in source.modules() if isinstance(layer, kinds)),
        (layer for layer in target.modules() if isinstance(layer, kinds)),
        strict=True,
    )
    channels = 0
    for ours, plain in pairs:
        weight = ours.weight.detach()
        if isinstance(ours, nn.Conv2d):
            channels = ours.out_channels
        elif channels:
            size = round((weight.shape[1] / channels) ** 0.5)
            unfolded = weight.reshape(len(weight), size, size, channels)
            weight, channels = unfolded.permute(0, 3, 1, 2).flatten(1), 0
        plain.load_state_dict({"weight": weight, "bias": ours.bias})


def _plain_losses(network: nn.Module, candidate: Candidate, data: TrainingData) -> list[float]:
    optimizer = torch.optim.Adam(network.parameters(), lr=candidate.recipe.learning_rate)
    images = data.train_images.float().div(127.5).sub(1)
    means = []
    for epoch in range(1, EPOCHS + 1):
        plan = plan_epoch(candidate.recipe, data.train_labels, seed=SEED, epoch=epoch)
        total = 0.0
        for batch in torch.split(plan.order, candidate.recipe.batch_size):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(network(images[batch]), data.train_labels[batch])
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            total += loss.item() * len(batch)
        means.append(total / len(plan.order))
    return means


@pytest.mark.parametrize(
    "conv_layers", [2, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 3))]
)
def test_the_fast_training_is_the_plain_loop_up_to_rounding(
    digits: TrainingData, conv_layers: int
) -> None:
    candidate = Candidate(
        architecture=Architecture(conv_layers=conv_layers, hidden_units=64, dropout=0.0)
    )
    image = load_search_data("digits").image
    stack = resolve(candidate.architecture, image)
    plain = plain_network(candidate.architecture, channels=1, size=28, classes=image.classes)
    _same_weights(build(stack, generator=derived_generator(SEED, "weights")), plain)

    expected = _plain_losses(plain, candidate, digits)
    trained = train(
        stack, candidate.recipe, digits, settings=TrainingSettings(seed=SEED, epochs=EPOCHS)
    )

    assert [r.train_loss for r in trained.results] == pytest.approx(expected, rel=2e-3)
    assert trained.results[0].train_loss == pytest.approx(expected[0], rel=1e-4)
