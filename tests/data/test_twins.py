from __future__ import annotations

import time

import numpy as np
import pytest
from numpy.typing import NDArray

from study.data.twins import (
    NEAR_BITS,
    NEAR_CORRELATION,
    NEAR_DIFFERENCE,
    PartPrints,
    Twins,
    conflicting,
    find_twins,
    fingerprint_part,
)
from tests.data.files import Pictures, as_jpeg, pictures, with_noise


def part(images: Pictures) -> PartPrints:
    """Return a part of one class of ``(n, size, size)`` images."""
    return fingerprint_part(images[:, None], np.zeros(len(images), dtype=np.int64))


def twins(first: Pictures, second: Pictures) -> Twins:
    return find_twins(part(first), part(second))


def test_different_pictures_are_no_twins() -> None:
    found = twins(pictures(300), pictures(200, seed=9))
    for mask in (found.exact_first, found.exact_second, found.near_first, found.near_second):
        assert not mask.any()


def test_exact_twins_are_found_on_both_sides_and_are_not_near_twins() -> None:
    first, second = pictures(50), pictures(40, seed=9)
    second[[3, 7]] = first[[10, 20]]
    found = twins(first, second)
    assert np.flatnonzero(found.exact_first).tolist() == [10, 20]
    assert np.flatnonzero(found.exact_second).tolist() == [3, 7]
    assert not found.near_first.any()


@pytest.mark.parametrize("swapped", [False, True])
def test_slightly_changed_copies_are_near_twins(swapped: bool) -> None:
    first, second = pictures(50), pictures(40, seed=9)
    second[0] = with_noise(first[1], 3.0)
    second[1] = as_jpeg(first[2], quality=75)
    second[2] = np.clip(first[3].astype(int) + 3, 0, 255)
    second[3] = first[4]
    second[3, 20, 20] ^= 1
    found = twins(second, first) if swapped else twins(first, second)
    in_first, in_second = found.near_first, found.near_second
    if swapped:
        in_first, in_second = in_second, in_first
    assert np.flatnonzero(in_first).tolist() == [1, 2, 3, 4]
    assert np.flatnonzero(in_second).tolist() == [0, 1, 2, 3]
    assert not found.exact_first.any()


def test_clearly_changed_copies_are_no_twins() -> None:
    first = pictures(6)
    second = np.stack([first[0, ::-1], first[1, :, ::-1], 255 - first[2], np.roll(first[3], 5)])
    second = np.concatenate([second, with_noise(first[4:5], 12.0), first[5:6] // 2])
    found = twins(first, second)
    assert not found.near_first.any()


def test_constant_images_are_exact_twins_only() -> None:
    grey = np.full((3, 28, 28), 100, dtype=np.uint8)
    grey[1] = 101
    found = twins(grey, grey[:1])
    assert found.exact_first.tolist() == [True, False, True]
    assert not found.near_first.any()
    assert part(grey).constant.all()


def test_faint_images_need_the_same_picture_and_not_only_the_same_grey() -> None:
    faint = (pictures(30) // 40 + 100).astype(np.uint8)
    other = (pictures(30, seed=9) // 40 + 100).astype(np.uint8)
    assert np.abs(faint.astype(int) - other).mean(axis=(1, 2)).max() < NEAR_DIFFERENCE
    assert not twins(faint, other).near_first.any()


def brute_force(first: Pictures, second: Pictures) -> NDArray[np.bool_]:
    """Apply the three thresholds to all pairs, ``(n, m)``."""
    a, b = (images.reshape(len(images), -1).astype(float) for images in (first, second))
    apart = np.abs(a[:, None] - b[None]).mean(axis=2)
    correlation = np.corrcoef(a, b)[: len(a), len(a) :]
    hashes, others = (part(images).perceptual for images in (first, second))
    bits = np.bitwise_count(hashes[:, None] ^ others[None])
    near: NDArray[np.bool_] = (apart > 0) & (apart <= NEAR_DIFFERENCE)
    near &= (correlation >= NEAR_CORRELATION) & (bits <= NEAR_BITS)
    return near


def test_the_search_finds_the_same_twins_as_a_comparison_of_all_pairs() -> None:
    base = pictures(60)
    first = with_noise(np.concatenate([base, base[:30]]), 2.0, seed=2)
    second = with_noise(np.concatenate([base[20:], pictures(30, seed=9)]), 4.5, seed=3)
    expected = brute_force(first, second)
    found = twins(first, second)
    assert 10 < expected.any(axis=1).sum() < len(first)
    assert np.array_equal(found.near_first, expected.any(axis=1))
    assert np.array_equal(found.near_second, expected.any(axis=0))


def test_many_pictures_that_are_all_alike_are_all_found() -> None:
    alike = with_noise(np.repeat(pictures(1), 600, axis=0), 1.0)
    found = twins(alike[:200], alike[200:])
    assert found.near_first.all()
    assert found.near_second.all()


def test_colour_pictures_have_twins_too() -> None:
    planes = np.stack([pictures(20, seed=seed) for seed in range(3)], axis=1)
    labels = np.zeros(20, dtype=np.int64)
    changed = planes.copy()
    changed[:10] = changed[:10, ::-1]  # other colours are another image
    found = find_twins(fingerprint_part(planes, labels), fingerprint_part(changed, labels))
    assert np.flatnonzero(found.exact_first).tolist() == list(range(10, 20))
    assert not found.near_first.any()


@pytest.mark.parametrize("size", [1, 2, 7, 64])
def test_any_size_has_fingerprints(size: int) -> None:
    prints = part(pictures(5, size=size))
    assert prints.perceptual.shape == prints.content.shape == (5,)


def test_conflicts_need_the_same_content_and_another_label() -> None:
    content = np.array([5, 5, 7, 8, 8, 9], dtype=np.uint64)
    labels = np.array([0, 1, 0, 2, 2, 0])
    within = conflicting(content, labels, content, labels)
    assert within.tolist() == [True, True, False, False, False, False]
    other = np.array([9, 6, 1], dtype=np.uint64)
    across = conflicting(content, labels, other, np.array([1, 0, 0]))
    assert across.tolist() == [False] * 5 + [True]


@pytest.mark.slow
def test_the_size_of_octmnist_takes_well_under_a_minute() -> None:
    parts = [part(pictures(count, seed=count)) for count in (97_477, 10_832)]
    started = time.perf_counter()
    find_twins(parts[0], parts[1])
    assert time.perf_counter() - started < 30
