from __future__ import annotations

import hashlib

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from study.data.resize import resampling_weights, resize


def random_images(size: int, channels: int = 1, count: int = 5) -> torch.Tensor:
    generator = np.random.default_rng(size)
    return torch.from_numpy(
        generator.integers(0, 256, (count, channels, size, size), dtype=np.uint8)
    )


@given(old=st.integers(1, 70), new=st.integers(1, 70))
@settings(deadline=None)
def test_weights_are_whole_and_every_row_has_the_same_sum(old: int, new: int) -> None:
    weights, total = resampling_weights(old, new)
    assert np.array_equal(weights, weights.astype(int))
    assert (weights >= 0).all()
    assert (weights.sum(axis=1) == total).all()


@pytest.mark.parametrize(("old", "new"), [(8, 28), (28, 64), (14, 28), (5, 7)])
def test_enlarging_is_torchs_bilinear(old: int, new: int) -> None:
    images = random_images(old)
    expected = functional.interpolate(images.double(), size=(new, new), mode="bilinear")
    assert (resize(images, new).double() - expected).abs().max() <= 0.5 + 1e-9


@pytest.mark.parametrize(("old", "new"), [(28, 14), (28, 7), (64, 16)])
def test_reducing_by_a_whole_factor_is_the_mean_of_the_block(old: int, new: int) -> None:
    images = random_images(old, channels=3)
    expected = functional.avg_pool2d(images.double(), old // new)
    assert (resize(images, new).double() - expected).abs().max() <= 0.5 + 1e-9


@given(old=st.integers(1, 30), new=st.integers(1, 30), value=st.integers(0, 255))
@settings(deadline=None)
def test_a_constant_image_stays_what_it_is(old: int, new: int, value: int) -> None:
    images = torch.full((2, 1, old, old), value, dtype=torch.uint8)
    assert torch.equal(resize(images, new), torch.full((2, 1, new, new), value).byte())


def test_the_same_size_is_the_same_tensor() -> None:
    images = random_images(28)
    assert resize(images, 28) is images


def test_many_images_are_resized_as_one_by_one() -> None:
    images = random_images(9, count=4100)
    assert torch.equal(resize(images, 5)[-10:], resize(images[-10:], 5))


def test_channels_last_memory_gives_the_same_pixels() -> None:
    images = random_images(28, channels=3)
    other = images.contiguous(memory_format=torch.channels_last)
    assert torch.equal(resize(images, 20), resize(other, 20))


def test_the_bytes_are_pinned() -> None:
    ramp = (torch.arange(5 * 28 * 28) * 37 % 251).to(torch.uint8).reshape(5, 1, 28, 28)
    digest = hashlib.sha256()
    for size in (14, 20, 64):
        digest.update(resize(ramp, size).numpy().tobytes())
    assert digest.hexdigest()[:16] == "360c72b031f0d45d"


def test_a_size_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="size=0"):
        resize(random_images(8), 0)
