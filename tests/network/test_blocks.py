"""Tests of study/network/blocks.py."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from study.network.blocks import (
    BatchNorm,
    ConvBlock,
    Dropout,
    Flatten,
    ResidualBlock,
    reseed_dropout,
)
from study.network.build import build
from study.network.forward import normalise
from study.search_space.candidate import Architecture, ImageFormat, Stage
from study.search_space.resolve import resolve

IMAGE = ImageFormat(size=12, classes=3)
CPU = torch.device("cpu")


def noise(*shape: int) -> Tensor:
    images = torch.randn(*shape, generator=Generator().manual_seed(3))
    return images.contiguous(memory_format=torch.channels_last) if images.ndim == 4 else images


def network_of(architecture: Architecture) -> nn.Sequential:
    return build(resolve(architecture, IMAGE), generator=Generator().manual_seed(0))


@pytest.mark.parametrize("activation", ["relu", "silu", "gelu"])
def test_a_block_pools_its_activations(activation: str) -> None:
    network = network_of(Architecture(conv_layers=1, channels=5, activation=activation))
    block, images = network[0], noise(4, 1, 12, 12)
    assert isinstance(block, ConvBlock)
    expected = F.max_pool2d(getattr(F, activation)(block.convolution(images)), 2)
    tolerance = 0 if activation == "relu" else 1e-5  # ReLU commutes with pooling, bit for bit
    torch.testing.assert_close(block(images), expected, rtol=tolerance, atol=tolerance)


def test_a_residual_block_adds_its_input() -> None:
    stage = Stage(operation="residual", channels=1)
    block = network_of(Architecture(stages=(stage,)))[0]
    assert isinstance(block, ResidualBlock)
    for parameter in block.second.parameters():
        nn.init.zeros_(parameter)
    images = noise(2, 1, 12, 12)
    torch.testing.assert_close(block(images), F.relu(images))


def test_flattening_keeps_every_feature_without_a_copy() -> None:
    images = noise(3, 4, 5, 5)
    flat = Flatten()(images)
    assert flat.data_ptr() == images.data_ptr()
    torch.testing.assert_close(flat.reshape(3, 5, 5, 4).permute(0, 3, 1, 2), images)


def test_a_batch_of_one_value_passes_batch_normalisation_by_the_running_statistics() -> None:
    norm = BatchNorm(3)
    single = torch.tensor([1.0, 2.0, 3.0]).reshape(1, 3, 1, 1)
    torch.testing.assert_close(norm(single), single, rtol=1e-4, atol=0)
    norm(noise(4, 3, 2, 2))
    assert norm.running_mean is not None
    assert bool(norm.running_mean.any())


def test_a_last_batch_of_one_image_can_be_trained() -> None:
    architecture = Architecture(conv_layers=3, channels=4, norm="batch", pool="max")
    network = build(resolve(architecture, ImageFormat()), generator=Generator().manual_seed(0))
    network.train()
    scores = network(normalise(torch.zeros(1, 1, 28, 28, dtype=torch.uint8)))
    scores.sum().backward()
    assert torch.isfinite(scores).all()


def test_dropout_is_a_function_of_its_seed() -> None:
    dropout = Dropout(0.4)
    features = torch.ones(200, 50)

    def drawn(seed: int) -> Tensor:
        reseed_dropout(nn.Sequential(dropout), seed, CPU)
        result: Tensor = dropout(features)
        return result

    assert torch.equal(drawn(1), drawn(1))
    assert not torch.equal(drawn(1), drawn(2))
    assert sorted(set(drawn(1).flatten().tolist())) == pytest.approx([0.0, 1 / 0.6])
    assert float((drawn(1) == 0).float().mean()) == pytest.approx(0.4, abs=0.02)


def test_dropout_gives_a_batch_cut_in_two_the_same_mask() -> None:
    dropout = Dropout(0.5)
    features = noise(10, 7)
    dropout.reseed(4, CPU)
    whole = dropout(features)
    dropout.reseed(4, CPU)
    parts = torch.cat([dropout(features[:6]), dropout(features[6:])])
    assert torch.equal(whole, parts)


@pytest.mark.parametrize("dropout", [Dropout(0.5).eval(), Dropout(0.0)])
def test_dropout_in_evaluation_or_of_no_share_does_nothing(dropout: Dropout) -> None:
    features = noise(3, 4)
    assert dropout(features) is features


def test_an_average_head_does_not_depend_on_where_things_are() -> None:
    architecture = Architecture(head="global_average", padding="same", kernel=1, pool="none")
    network = network_of(replace(architecture, conv_layers=1))
    images = noise(2, 1, 12, 12)
    torch.testing.assert_close(network(images), network(images.flip(3)))
