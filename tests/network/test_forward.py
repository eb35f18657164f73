"""Tests of study/network/forward.py: how images enter a network."""

from __future__ import annotations

import pytest
import torch

from study.network.forward import normalise

LEVELS = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_all_levels_stay_apart_and_in_order(dtype: torch.dtype) -> None:
    scaled = normalise(LEVELS, dtype)
    assert scaled.dtype == dtype
    assert bool((scaled.flatten().diff() > 0).all())


def test_pixels_become_minus_one_to_one() -> None:
    scaled = normalise(LEVELS)
    expected = (LEVELS.float() / 255 - 0.5) / 0.5  # ToTensor, then Normalize(.5, .5)
    torch.testing.assert_close(scaled, expected)
    assert (float(scaled.min()), float(scaled.max())) == pytest.approx((-1.0, 1.0))


def test_images_are_left_alone_and_channels_come_last() -> None:
    images = torch.randint(0, 256, (2, 3, 4, 4), dtype=torch.uint8)
    copy = images.clone()
    scaled = normalise(images)
    assert torch.equal(images, copy)
    assert scaled.is_contiguous(memory_format=torch.channels_last)
