"""Tests of study/network/relu_pool.py."""

from __future__ import annotations

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


def expected(images: Tensor, incoming: Tensor) -> tuple[Tensor, Tensor]:
    """Return PyTorch's outputs and gradient, of memory in its usual order."""
    leaf = images.clone(memory_format=torch.contiguous_format).requires_grad_()
    outputs = F.relu(F.max_pool2d(leaf, 2))
    (routed,) = torch.autograd.grad(outputs, leaf, incoming)
    return outputs, routed


@given(
    n=st.integers(1, 5),
    c=st.integers(1, 5),
    height=sizes,
    width=sizes,
    seed=st.integers(0, 9),
    levels=st.sampled_from([1, 2, 8, 1000]),
)
def test_outputs_and_gradients_are_pytorch_s_to_the_last_bit_draws_included(
    n: int, c: int, height: int, width: int, seed: int, levels: int
) -> None:
    images = (noise(n, c, height, width, seed=seed) * levels).round().div(levels)
    incoming = noise(n, c, height // 2, width // 2, seed=seed + 1)
    outputs, routed = gradient(images, incoming)
    wanted, wanted_routed = expected(images, incoming)
    assert torch.equal(outputs, wanted)
    assert torch.equal(routed, wanted_routed)
    assert torch.equal(ReluMaxPool()(images), wanted)


@pytest.mark.parametrize("winners", range(1, 16))
def test_every_draw_is_won_as_in_pytorch(winners: int) -> None:
    window = [1.5 if winners >> place & 1 else 0.5 for place in range(4)]
    images = torch.tensor(window).reshape(1, 1, 2, 2).bfloat16()
    ones = torch.ones(1, 1, 1, 1).bfloat16()
    assert torch.equal(gradient(images, ones)[1], expected(images, ones)[1])


def test_neighbouring_numbers_of_any_size_are_told_apart() -> None:
    positive = torch.arange(0x7F80 + 1, dtype=torch.int32).to(torch.int16)  # 0 to infinity
    order = torch.randperm(len(positive) - 1, generator=Generator().manual_seed(1))
    images = positive[order].view(torch.bfloat16).reshape(1, 1, 2, -1)
    incoming = noise(1, 1, 1, images.shape[3] // 2)
    outputs, routed = gradient(images, incoming)
    wanted, wanted_routed = expected(images, incoming)
    assert torch.equal(outputs, wanted)
    assert torch.equal(routed, wanted_routed)


def test_what_is_not_a_number_stays_so_unless_its_sign_bit_is_set() -> None:
    for bits, comes_out in ((0x7FC0, True), (0xFFC0 - 0x10000, False)):
        images = torch.tensor([bits, 1, 1, 1], dtype=torch.int16).view(torch.bfloat16)
        outputs = ReluMaxPool()(images.reshape(1, 1, 2, 2))
        assert bool(outputs.isnan().all()) == comes_out


def test_an_empty_batch_is_pytorch_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relu_pool, "_SMALLEST", 1)
    images = noise(4, 3, 6, 6)[:0]
    outputs, routed = gradient(images, noise(4, 3, 3, 3)[:0])
    assert outputs.shape == (0, 3, 3, 3)
    assert routed.shape == images.shape


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
    assert torch.equal(outputs, expected(images, ones)[0])
    assert torch.equal(routed, expected(images, ones)[1])


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
