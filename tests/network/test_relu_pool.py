"""Tests of study/network/relu_pool.py."""

from __future__ import annotations

from math import inf

import pytest
import torch
from hypothesis import given
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


def assert_equals_pytorch(images: Tensor, incoming: Tensor) -> None:
    """Assert that outputs and gradient are PyTorch's bit for bit, and the input is unchanged."""
    before = images.clone()
    outputs, routed = gradient(images, incoming)
    leaf = images.clone(memory_format=torch.contiguous_format).requires_grad_()
    expected = F.relu(F.max_pool2d(leaf, 2))
    (expected_routed,) = torch.autograd.grad(expected, leaf, incoming)
    assert torch.equal(outputs, expected)
    assert torch.equal(routed, expected_routed)
    assert torch.equal(ReluMaxPool()(images), expected)
    assert torch.equal(images, before)


@given(
    n=st.integers(1, 5),
    c=st.integers(1, 5),
    height=sizes,
    width=sizes,
    seed=st.integers(0, 9),
    levels=st.sampled_from([1, 2, 8, 1000]),
)
def test_outputs_and_gradients_equal_those_of_pytorch_also_for_equal_inputs(
    n: int, c: int, height: int, width: int, seed: int, levels: int
) -> None:
    images = (noise(n, c, height, width, seed=seed) * levels).round().div(levels)
    assert_equals_pytorch(images, noise(n, c, height // 2, width // 2, seed=seed + 1))


@pytest.mark.parametrize(
    "window",
    [
        *([1.5 if winners >> i & 1 else 0.5 for i in range(4)] for winners in range(1, 16)),
        [inf, 1.0, -inf, -2.0],
        [0.0, -1.0, -2.0, -inf],
    ],
)
def test_every_kind_of_window_is_won_as_in_pytorch(window: list[float]) -> None:
    images = torch.tensor(window).reshape(1, 1, 2, 2).bfloat16()
    assert_equals_pytorch(images, torch.ones(1, 1, 1, 1).bfloat16())


def test_neighbouring_numbers_of_any_size_are_distinguished() -> None:
    positive = torch.arange(0x7F80 + 1, dtype=torch.int32).to(torch.int16)  # 0 to infinity
    order = torch.randperm(len(positive) - 1, generator=Generator().manual_seed(1))
    images = positive[order].view(torch.bfloat16).reshape(1, 1, 2, -1)
    assert_equals_pytorch(images, noise(1, 1, 1, images.shape[3] // 2))


@pytest.mark.parametrize(("bits", "stays"), [(0x7FC0, True), (0xFFC0 - 0x10000, False)])
def test_a_nan_stays_one_unless_its_sign_bit_is_set(bits: int, stays: bool) -> None:
    images = torch.tensor([bits, 1, 1, 1], dtype=torch.int16).view(torch.bfloat16)
    outputs = ReluMaxPool()(images.reshape(1, 1, 2, 2))
    assert bool(outputs.isnan().all()) == stays


def test_an_empty_batch_has_empty_outputs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relu_pool, "_SMALLEST", 1)
    images = noise(4, 3, 6, 6)[:0]
    outputs, routed = gradient(images, noise(4, 3, 3, 3)[:0])
    assert outputs.shape == (0, 3, 3, 3)
    assert routed.shape == images.shape


def test_memory_may_be_in_any_order() -> None:
    images = noise(3, 4, 8, 8).contiguous()
    assert_equals_pytorch(images, torch.ones(()).bfloat16().expand(3, 4, 4, 4))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_other_types_use_the_operations_of_pytorch(dtype: torch.dtype) -> None:
    images = noise(2, 3, 5, 5).to(dtype).requires_grad_()
    assert torch.equal(ReluMaxPool()(images), F.relu(F.max_pool2d(images, 2)))
    assert "ReluMaxPool" not in type(ReluMaxPool()(images).grad_fn).__name__
