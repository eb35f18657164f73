from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from study.data.parts import Images
from study.data.resize import resampling_weights, resize


def random_images(size: int, channels: int = 1, count: int = 5) -> Images:
    generator = np.random.default_rng(size)
    return generator.integers(0, 256, (count, channels, size, size), dtype=np.uint8)


@given(old=st.integers(1, 70), new=st.integers(1, 70))
def test_weights_are_whole_and_every_row_has_the_same_sum(old: int, new: int) -> None:
    weights, total = resampling_weights(old, new)
    assert np.array_equal(weights, weights.astype(int))
    assert (weights >= 0).all()
    assert (weights.sum(axis=1) == total).all()


def bilinear(images: Tensor, new: int) -> Tensor:
    return functional.interpolate(images, size=(new, new), mode="bilinear")


def block_mean(images: Tensor, new: int) -> Tensor:
    return functional.avg_pool2d(images, images.shape[-1] // new)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [(old, new, bilinear) for old, new in [(8, 28), (28, 64), (14, 28), (5, 7)]]
    + [(old, new, block_mean) for old, new in [(28, 14), (28, 7), (64, 16)]],
)
def test_enlarging_is_bilinear_as_in_torch_and_reducing_is_the_mean_of_a_block(
    old: int, new: int, expected: Callable[[Tensor, int], Tensor]
) -> None:
    images = random_images(old, channels=3)
    wanted = expected(torch.from_numpy(images).double(), new).numpy()
    assert np.abs(resize(images, new).astype(float) - wanted).max() <= 0.5 + 1e-9


@given(old=st.integers(1, 30), new=st.integers(1, 30), value=st.integers(0, 255))
def test_a_constant_image_stays_constant(old: int, new: int, value: int) -> None:
    images = np.full((2, 1, old, old), value, dtype=np.uint8)
    assert np.array_equal(resize(images, new), np.full((2, 1, new, new), value))


def test_the_same_size_is_the_same_array_and_no_chunk_or_memory_layout_matters() -> None:
    images = random_images(28, channels=3)
    assert resize(images, 28) is images
    other = np.moveaxis(np.ascontiguousarray(np.moveaxis(images, 1, -1)), -1, 1)
    assert np.array_equal(resize(images, 20), resize(other, 20))
    many = random_images(9, count=4100)
    assert np.array_equal(resize(many, 5)[-10:], resize(many[-10:], 5))


def test_the_bytes_are_the_same_on_every_machine() -> None:
    ramp = (np.arange(5 * 28 * 28) * 37 % 251).astype(np.uint8).reshape(5, 1, 28, 28)
    digest = hashlib.sha256()
    for size in (14, 20, 64):
        digest.update(resize(ramp, size).tobytes())
    assert digest.hexdigest()[:16] == "360c72b031f0d45d"


def test_a_size_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="size=0"):
        resize(random_images(8), 0)
