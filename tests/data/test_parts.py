from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.data.dataset import load_search_data
from study.data.parts import pooled_cut, stratified_subset
from tests.data.files import SHARED, write_npz

OCTMNIST = {"train": 97_477, "val": 10_832, "test": 1_000}


@given(
    train=st.integers(1, 300), val=st.integers(1, 90), test=st.integers(1, 90),
    seed=st.integers(0, 2**64),
)  # fmt: skip
def test_a_pooled_cut_holds_every_image_once(train: int, val: int, test: int, seed: int) -> None:
    cut = pooled_cut(train=train, val=val, test=test, seed=seed)
    total = train + val + test
    assert sorted([*cut.train.tolist(), *cut.val.tolist()]) == list(range(total))
    assert len(cut.train) == int(total * 7 / 10)
    assert cut.test_in_train == sum(index >= train + val for index in cut.train.tolist())
    assert cut.test_in_train + cut.test_in_val == test


def test_the_pooled_split_of_octmnist_has_the_published_sizes_and_depends_on_the_seed() -> None:
    cut = pooled_cut(**OCTMNIST, seed=1)
    assert (len(cut.train), len(cut.val)) == (76_516, 32_793)
    assert 640 < cut.test_in_train < 760
    assert np.array_equal(cut.train, pooled_cut(**OCTMNIST, seed=1).train)
    assert not np.array_equal(cut.train, pooled_cut(**OCTMNIST, seed=2).train)


def test_the_official_labels_pool_to_tensors_of_the_published_shape(tmp_path: Path) -> None:
    path = SHARED / "octmnist_official_labels.npz"
    if not path.exists():
        pytest.skip("octmnist_official_labels.npz is not beside the checkout")
    with np.load(path, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    counts = {part: len(arrays[f"{part}_labels"]) for part in OCTMNIST}
    assert counts == OCTMNIST
    # One pixel of each image holds its class, and the others are zero.
    for part in OCTMNIST:
        images = np.zeros((counts[part], 28, 28), np.uint8)
        images[:, 3, 4] = arrays[f"{part}_labels"].reshape(-1)
        arrays[f"{part}_images"] = images
    data = load_search_data(str(write_npz(tmp_path / "official.npz", arrays)), split="pooled")
    assert data.train_images.shape == (76_516, 1, 28, 28)
    assert data.val_images.shape == (32_793, 1, 28, 28)
    assert np.array_equal(data.train_images[:, 0, 3, 4], data.train_labels)
    assert np.array_equal(data.val_images[:, 0, 3, 4], data.val_labels)
    pooled = np.bincount(data.train_labels) + np.bincount(data.val_labels)
    assert pooled.tolist() == [37_455, 11_598, 8_866, 51_390]
    assert "of the 1,000 official test images" in data.warnings[-1]


label_lists = st.lists(st.integers(0, 4), min_size=1, max_size=200)
fractions = st.floats(0.01, 1.0)


@given(labels=label_lists, fraction=fractions, seed=st.integers(0, 2**63))
def test_a_subset_keeps_the_share_of_every_class(
    labels: list[int], fraction: float, seed: int
) -> None:
    array = np.array(labels)
    chosen = stratified_subset(array, fraction, seed)
    assert chosen.tolist() == sorted(set(chosen.tolist()))
    for label in set(labels):
        have = labels.count(label)
        taken = int((array[chosen] == label).sum())
        assert taken >= 1
        assert abs(taken - fraction * have) <= max(0.5, 1 - fraction * have)


@given(labels=label_lists, low=fractions, high=fractions, seed=st.integers(0, 99))
def test_a_smaller_subset_is_inside_a_larger_one(
    labels: list[int], low: float, high: float, seed: int
) -> None:
    array = np.array(labels)
    low, high = sorted((low, high))
    small = set(stratified_subset(array, low, seed).tolist())
    assert small <= set(stratified_subset(array, high, seed).tolist())


def test_a_fraction_of_1_is_everything_and_the_seed_chooses_a_smaller_one() -> None:
    labels = np.arange(1000) % 4
    assert np.array_equal(stratified_subset(labels, 1.0, 3), np.arange(1000))
    first = stratified_subset(labels, 0.1, 3)
    assert np.array_equal(first, stratified_subset(labels, 0.1, 3))
    assert not np.array_equal(first, stratified_subset(labels, 0.1, 4))
    assert len(first) == 100


@pytest.mark.parametrize("fraction", [0.0, -0.1, 1.01, float("nan")])
def test_a_fraction_outside_is_refused(fraction: float) -> None:
    with pytest.raises(ValueError, match="0 < fraction <= 1"):
        stratified_subset(np.zeros(3, np.int64), fraction, 0)
