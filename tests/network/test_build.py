"""Tests of study/network/build.py."""

from __future__ import annotations

import hashlib
from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from study.network.build import build
from study.network.forward import normalise
from study.search_space.candidate import OCTMNIST, Architecture, ImageFormat
from study.search_space.reading.loading import load_space, shipped_spaces
from study.search_space.resolve import Stack, complexity, resolve
from tests.search_space.strategies import architectures, images

load = cache(load_space)


def built(stack: Stack, seed: int = 0) -> nn.Sequential:
    return build(stack, generator=torch.Generator().manual_seed(seed))


def pixels(image: ImageFormat, n: int = 2) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    shape = (n, image.channels, image.size, image.size)
    return torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)


def counted_macs(network: nn.Module, inputs: Tensor) -> int:
    """Count the multiply-accumulates of one image as it passes through the layers."""
    counts: list[int] = []

    def count(layer: nn.Module, _: object, output: Tensor) -> None:
        weight = layer.weight
        assert isinstance(weight, Tensor)
        positions = output[0, 0].numel() if isinstance(layer, nn.Conv2d) else 1
        counts.append(weight.numel() * positions)

    layers = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    hooks = [layer.register_forward_hook(count) for layer in layers]
    network(inputs)
    for hook in hooks:
        hook.remove()
    return sum(counts)


def check_network(stack: Stack, dtype: torch.dtype = torch.float32) -> None:
    """Forward, backward, types of numbers, and both counts of a network."""
    network = built(stack)
    inputs = normalise(pixels(stack.image), dtype)
    scores = network(inputs)
    assert scores.shape == (2, stack.image.classes)
    assert scores.dtype == dtype
    assert torch.isfinite(scores).all()
    scores.sum().backward()
    for weights in network.parameters():
        assert weights.grad is not None
        assert torch.isfinite(weights.grad).all()
        assert weights.dtype == weights.grad.dtype == torch.float32
    expected = complexity(stack)
    assert sum(p.numel() for p in network.parameters()) == expected.parameters
    assert counted_macs(network, inputs) == expected.macs


@given(
    architecture=architectures,
    image=images,
    dtype=st.sampled_from([torch.float32, torch.bfloat16]),
)
def test_every_architecture_becomes_a_network_of_the_predicted_size(
    architecture: Architecture, image: ImageFormat, dtype: torch.dtype
) -> None:
    check_network(resolve(architecture, image), dtype)


@given(name=st.sampled_from(shipped_spaces()), seed=st.integers(0, 2**32))
def test_every_candidate_of_a_shipped_space_becomes_a_network(name: str, seed: int) -> None:
    space = load(name)
    values = space.sample(np.random.default_rng(seed))
    check_network(resolve(space.candidate(values).architecture, OCTMNIST))


def test_weights_follow_from_the_generator_alone() -> None:
    stack = resolve(Architecture(norm="batch"), OCTMNIST)
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first, again, other = (built(stack, seed).state_dict() for seed in (7, 7, 8))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["0.convolution.weight"], other["0.convolution.weight"])


def test_initial_weights_are_those_of_every_version() -> None:
    """A change here changes the result of every study: it needs a new numeric version."""
    state = built(resolve(Architecture(channels=4, hidden_units=8), OCTMNIST)).state_dict()
    digest = hashlib.sha256()
    for tensor in state.values():
        digest.update(tensor.contiguous().numpy().tobytes())
    assert digest.hexdigest()[:16] == "adf06be39183cc88"


def test_the_distribution_of_weights_is_that_of_pytorch() -> None:
    network = built(resolve(Architecture(), OCTMNIST))
    for layer in network.modules():
        if not isinstance(layer, nn.Conv2d | nn.Linear):
            continue
        bound = layer.weight[0].numel() ** -0.5  # torch.nn.Linear, section "Variables"
        assert layer.bias is not None
        assert float(layer.weight.detach().abs().max()) <= bound
        assert float(layer.bias.detach().abs().max()) <= bound
        if layer.weight.numel() > 1000:
            assert float(layer.weight.detach().std()) == pytest.approx(bound / 3**0.5, rel=0.05)
