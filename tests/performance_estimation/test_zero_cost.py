"""Tests of study/performance_estimation/zero_cost.py."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given
from torch import nn

from study.network.build import build
from study.network.forward import normalise
from study.performance_estimation.estimator import EstimateFailed
from study.performance_estimation.zero_cost import (
    PROXIES,
    grad_norm,
    jacob_cov,
    naswot,
    proxy_batch,
    ready,
    score,
    snip,
    synflow,
)
from study.search_space.candidate import Architecture, ImageFormat, Stage
from study.search_space.resolve import Stack, complexity, resolve
from tests.performance_estimation.examples import small_data
from tests.search_space.strategies import architectures

IMAGE = ImageFormat(size=12, classes=3)
DATA = small_data(image=IMAGE)
IMAGES, LABELS = DATA.train_images[:12], DATA.train_labels[:12]


def resolved(**fields: Any) -> Stack:
    return resolve(Architecture(channels=4, hidden_units=8, **fields), IMAGE)


def two_layers(first: list[list[float]], second: list[list[float]]) -> nn.Sequential:
    layers = nn.Sequential(
        nn.Flatten(), nn.Linear(4, len(first)), nn.ReLU(), nn.Linear(len(first), len(second))
    )
    with torch.no_grad():
        for layer, values in ((layers[1], first), (layers[3], second)):
            assert isinstance(layer, nn.Linear)
            layer.weight.copy_(torch.tensor(values))
            layer.bias.zero_()
    return layers


FOUR = torch.tensor([[1.0, -1, 0.5, 0], [0, 1, 0, -1], [0.2, 0.1, -0.3, 1]])
FOUR_IMAGES = FOUR.reshape(3, 1, 2, 2)
FIRST = [[1.0, -2.0, 0.0, 0.5], [0.5, 1.0, -1.0, 0.0]]
SECOND = [[1.0, -1.0], [0.0, 2.0]]


def test_synflow_is_what_flows_through_the_absolute_weights() -> None:
    first, second = torch.tensor(FIRST).abs(), torch.tensor(SECOND).abs()
    flow = (second @ first).sum()  # an image of ones; every layer carries the whole flow once
    value = synflow(two_layers(FIRST, SECOND), FOUR_IMAGES, torch.zeros(3))
    assert float(value) == pytest.approx(math.log(2 * float(flow)))


def test_snip_and_grad_norm_are_read_off_the_gradient() -> None:
    labels = torch.tensor([0, 1, 1])
    layers = two_layers(FIRST, SECOND)
    weights = [parameter for parameter in layers.parameters() if parameter.ndim == 2]
    gradients = torch.autograd.grad(
        nn.functional.cross_entropy(layers(FOUR_IMAGES), labels), weights
    )
    pairs = list(zip(weights, gradients, strict=True))
    sensitivity = sum(float((weight.detach() * g).abs().sum()) for weight, g in pairs)
    size = sum(float(g.norm()) for _, g in pairs)
    scores = [
        float(proxy(two_layers(FIRST, SECOND), FOUR_IMAGES, labels)) for proxy in (snip, grad_norm)
    ]
    assert scores == pytest.approx([sensitivity, size])


def test_naswot_counts_units_that_agree() -> None:
    codes = FOUR @ torch.tensor(FIRST).T > 0
    agree = (codes[:, None] == codes[None]).sum(-1).double()
    expected = torch.logdet(agree + 1e-3 * torch.eye(3, dtype=torch.float64))
    value = naswot(two_layers(FIRST, SECOND), FOUR_IMAGES, torch.zeros(3))
    assert float(value) == pytest.approx(float(expected))


def test_jacob_cov_is_highest_where_images_are_answered_differently() -> None:
    varied = jacob_cov(two_layers(FIRST, SECOND), FOUR_IMAGES, torch.zeros(3))
    linear = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    assert float(varied) > float(jacob_cov(linear, FOUR_IMAGES, torch.zeros(3)))


@pytest.mark.parametrize("proxy", sorted(PROXIES))
def test_a_score_is_the_mean_over_initialisations(proxy: str) -> None:
    one, two, again, other = (
        score(resolved(), IMAGES, LABELS, proxy=proxy, seed=seed, initialisations=n)
        for seed, n in ((2, 1), (2, 2), (2, 2), (3, 2))
    )
    assert one != two
    assert again == two
    assert again != other


@pytest.mark.parametrize("proxy", sorted(PROXIES))
@given(architecture=architectures)
def test_every_network_gets_a_finite_score_or_a_clear_failure(
    proxy: str, architecture: Architecture
) -> None:
    stack = resolve(architecture, IMAGE)
    try:
        value = score(stack, IMAGES, LABELS, proxy=proxy, seed=0, initialisations=1)
    except EstimateFailed as failure:
        kind, text = failure.kind, str(failure)
    else:
        assert math.isfinite(value)
        return
    assert kind == "non-finite"
    assert text.startswith(f"{proxy} is ")
    assert f"{complexity(stack).parameters} parameters" in text


def test_a_network_that_answers_every_image_alike_fails_clearly() -> None:
    pooled = Architecture(stages=(Stage(operation="identity"),), head="global_average")
    with pytest.raises(EstimateFailed, match="jacob_cov is nan for this network of 6 parameters"):
        score(resolve(pooled, IMAGE), IMAGES, LABELS, proxy="jacob_cov", seed=0)


@pytest.mark.parametrize("proxy", sorted(PROXIES))
def test_dropout_and_global_random_numbers_play_no_part(proxy: str) -> None:
    one, other = (
        score(resolved(dropout=share), IMAGES, LABELS, proxy=proxy, seed=0) for share in (0.5, 0.0)
    )
    assert one == other


def test_synflow_ignores_normalisation_and_the_images() -> None:
    one, other = (
        score(resolved(norm="batch"), images, LABELS, proxy="synflow", seed=0)
        for images in (IMAGES, 255 - IMAGES)
    )
    assert one == other


def test_a_deep_and_wide_network_does_not_overflow_synflow() -> None:
    wide = Architecture(conv_layers=12, channels=64, padding="same", pool="none", kernel=7)
    image = ImageFormat(size=3)
    images = torch.zeros(2, 1, 3, 3, dtype=torch.uint8)
    value = score(resolve(wide, image), images, LABELS[:2], proxy="synflow", seed=0)
    assert math.isfinite(value)


def test_a_batch_has_the_classes_in_turn_as_long_as_they_last() -> None:
    labels = torch.tensor([0, 0, 0, 1, 0, 2, 1])
    assert labels[proxy_batch(labels, 5)].tolist() == [0, 1, 2, 0, 1]
    assert sorted(proxy_batch(labels, 99).tolist()) == list(range(7))


def test_networks_are_read_in_training_mode_without_dropout() -> None:
    stack = resolved(norm="batch", dropout=0.5)
    built = ready(build(stack, generator=torch.Generator().manual_seed(0)))
    assert built.training
    images = normalise(IMAGES)
    assert torch.equal(built(images), built(images))
