from __future__ import annotations

import numpy as np
import pytest

from study.common.errors import DataError
from study.data.dataset import load_search_data
from study.data.parts import TRAIN, VAL, Part
from study.data.sources import DigitsSource
from study.search_space.candidate import ImageFormat

PARTS = (TRAIN, VAL, Part("test"))


def test_the_digits_are_ten_classes_at_28_pixels() -> None:
    data = load_search_data("digits")
    assert data.image == ImageFormat(channels=1, size=28, classes=10)
    assert data.train_images.shape == (1078, 1, 28, 28)
    assert data.val_images.shape == (360, 1, 28, 28)
    assert data.train_images.is_contiguous()
    assert data.class_names[7] == "7"


def test_every_part_has_a_tenth_of_every_class() -> None:
    source = DigitsSource(size=28)
    for part, share in zip(PARTS, (0.6, 0.2, 0.2), strict=True):
        counts = np.bincount(source.labels(part), minlength=10)
        assert np.all(np.abs(counts - 179.7 * share) < 4)
        assert counts.sum() == source.count(part)


def test_the_parts_share_no_image_and_hold_them_all() -> None:
    images = np.concatenate([DigitsSource(size=28).images(part) for part in PARTS])
    assert len(images) == 1797
    assert len({image.tobytes() for image in images}) == 1797


def test_the_cut_does_not_move_with_the_seed() -> None:
    first, other = load_search_data("digits", seed=1), load_search_data("digits", seed=2)
    assert first.sha256 == other.sha256


def test_the_bytes_are_pinned() -> None:
    assert load_search_data("digits").sha256[:16] == "d46e21c4e21023fd"


def test_levels_are_spread_over_the_whole_range() -> None:
    images = DigitsSource(size=28).images(TRAIN)
    assert (images.min(), images.max()) == (0, 255)


def test_other_sizes_are_refused() -> None:
    assert load_search_data("digits", size=64).train_images.shape[-1] == 64
    with pytest.raises(DataError, match="'digits' has no size 100; it has 28 and 64"):
        load_search_data("digits", size=100)
