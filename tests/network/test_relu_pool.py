"""Tests of study/network/relu_pool.py."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator, Tensor
from torch.nn import functional as F

from study.network import relu_pool
from study.network.relu_pool import ReluMaxPool

sizes = st.integers(2, 9)


@pytest.fixture(autouse=True)
def _bits_for_small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relu_pool, "_SMALLEST", 0)
    monkeypatch.setattr(relu_pool, "_CHUNK", 300)


def noise(*shape: int, seed: int = 0) -> Tensor:
    images = torch.randn(*shape, generator=Generator().manual_seed(seed)).bfloat16()
    return images.contiguous(memory_format=torch.channels_last)


def gradient(images: Tensor, incoming: Tensor) -> tuple[Tensor, Tensor]:
    leaf = images.clone().requires_grad_()
    outputs = ReluMaxPool()(leaf)
    outputs.backward(incoming)
    assert leaf.grad is not None
    return outputs, leaf.grad


def windows(images: Tensor) -> Tensor:
    """Return the four values of every window, (n, c, windows, 4)."""
    n, c, height, width = images.shape
    even = images[:, :, : height // 2 * 2, : width // 2 * 2].float()
    return F.unfold(even.reshape(n * c, 1, *even.shape[2:]), 2, stride=2).mT.reshape(n, c, -1, 4)


@settings(deadline=None)
@given(n=st.integers(1, 5), c=st.integers(1, 5), height=sizes, width=sizes, seed=st.integers(0, 9))
def test_bits_give_what_pooling_and_relu_give(
    n: int, c: int, height: int, width: int, seed: int
) -> None:
    images = noise(n, c, height, width, seed=seed)
    expected = F.relu(F.max_pool2d(images.clone().requires_grad_(), 2))
    incoming = noise(*expected.shape, seed=seed + 1)
    outputs, routed = gradient(images, incoming)
    assert torch.equal(outputs, expected)
    assert torch.equal(ReluMaxPool()(images), expected)
    sums = torch.where(expected > 0, incoming, 0).flatten(2).float()
    assert torch.equal(windows(routed).sum(-1), sums)


def test_the_gradient_goes_where_pytorch_sends_it_when_all_inputs_differ() -> None:
    n, c, side = 2, 3, 7
    order = torch.randperm(n * c * side * side, generator=Generator().manual_seed(1))
    values = torch.arange(-150, 144).to(torch.int16)  # neighbouring bit patterns, all different
    images = (values.abs() + 16_000).view(torch.bfloat16) * values.sign().bfloat16()
    images = images[order].reshape(n, c, side, side)
    leaf = images.clone().requires_grad_()
    expected = F.relu(F.max_pool2d(leaf, 2))
    incoming = noise(*expected.shape)
    (wanted,) = torch.autograd.grad(expected, leaf, incoming)
    _, routed = gradient(images, incoming)
    clear = windows(images).sort(dim=-1).values.diff(dim=-1)[..., -1] > 0
    assert clear.float().mean() > 0.9
    assert torch.equal(windows(routed)[clear], windows(wanted)[clear])


def test_equal_inputs_have_one_winner() -> None:
    images = torch.full((2, 3, 6, 6), 1.5).bfloat16()
    _, routed = gradient(images, torch.ones(2, 3, 3, 3).bfloat16())
    assert torch.equal((windows(routed) != 0).sum(-1), torch.ones(2, 3, 9, dtype=torch.int64))


def test_a_window_without_a_positive_input_gets_no_gradient() -> None:
    images = -noise(2, 3, 6, 6).abs()
    images[0, 0, 0, 0] = 0.0
    outputs, routed = gradient(images, torch.ones(2, 3, 3, 3).bfloat16())
    assert not outputs.any()
    assert not routed.any()


def test_infinite_inputs_are_compared_as_numbers() -> None:
    inf = float("inf")
    images = torch.tensor([[inf, 1.0], [-inf, -2.0]]).bfloat16().reshape(1, 1, 2, 2)
    outputs, routed = gradient(images, torch.ones(1, 1, 1, 1).bfloat16())
    assert outputs.tolist() == [[[[inf]]]]
    assert routed.flatten().tolist() == [1.0, 0.0, 0.0, 0.0]


def test_memory_may_be_in_any_order() -> None:
    images = noise(3, 4, 8, 8).contiguous()
    ones = torch.ones(()).bfloat16().expand(3, 4, 4, 4)
    outputs, routed = gradient(images, ones)
    assert torch.equal(outputs, F.relu(F.max_pool2d(images, 2)))
    assert routed.float().sum() == (outputs > 0).sum()


def test_the_input_is_left_alone() -> None:
    images = noise(3, 4, 8, 8)
    before = images.clone()
    gradient(images, torch.ones(3, 4, 4, 4).bfloat16())
    assert torch.equal(images, before)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_other_types_take_the_way_of_pytorch(dtype: torch.dtype) -> None:
    images = noise(2, 3, 5, 5).to(dtype).requires_grad_()
    assert torch.equal(ReluMaxPool()(images), F.relu(F.max_pool2d(images, 2)))
    assert "ReluMaxPool" not in type(ReluMaxPool()(images).grad_fn).__name__
