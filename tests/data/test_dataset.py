from __future__ import annotations

import dataclasses
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from study.common.errors import DataError
from study.data.dataset import SearchData, load_search_data
from tests.data.files import medmnist_arrays, write_npz


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(write_npz(tmp_path / "a.npz", medmnist_arrays()))


def test_search_data_has_no_test_part() -> None:
    names = [field.name for field in dataclasses.fields(SearchData)]
    assert not [name for name in names if "test" in name]


@pytest.mark.parametrize("channels", [1, 3])
def test_images_and_labels_have_the_documented_types(tmp_path: Path, channels: int) -> None:
    data = load_search_data(str(write_npz(tmp_path / "a.npz", medmnist_arrays(channels=channels))))
    assert (data.train_images.dtype, data.train_labels.dtype) == (torch.uint8, torch.int64)
    assert data.train_images.shape == (40, channels, 8, 8)
    assert data.val_images.shape == (12, channels, 8, 8)
    assert data.val_labels.shape == (12,)
    assert data.split == "official"
    assert data.train_images.is_contiguous(memory_format=torch.channels_last)


def test_the_official_split_does_not_read_the_test_arrays(tmp_path: Path) -> None:
    """The test images are overwritten behind their header: only a reader could notice."""
    file = write_npz(tmp_path / "a.npz", medmnist_arrays(counts=(40, 12, 60), size=28))
    before = load_search_data(str(file))
    with zipfile.ZipFile(file) as archive:
        member = archive.getinfo("test_images.npy")
    content = bytearray(file.read_bytes())
    end = member.header_offset + 30 + len(member.filename) + member.compress_size
    content[end - 30_000 : end] = bytes(30_000)
    file.write_bytes(content)
    assert load_search_data(str(file)).sha256 == before.sha256
    with pytest.raises(DataError, match="damaged"):
        load_search_data(str(file), split="pooled")


def test_the_digest_depends_on_split_seed_images_and_labels(path: str, tmp_path: Path) -> None:
    other = write_npz(tmp_path / "b.npz", medmnist_arrays(seed=1))
    arrays = medmnist_arrays()
    arrays["val_labels"] = np.roll(arrays["val_labels"], 1)
    relabelled = write_npz(tmp_path / "c.npz", arrays)
    digests = [
        load_search_data(path).sha256,
        load_search_data(path, split="pooled", seed=0).sha256,
        load_search_data(path, split="pooled", seed=1).sha256,
        load_search_data(str(other)).sha256,
        load_search_data(str(relabelled)).sha256,
    ]
    assert len(set(digests)) == 5
    assert digests[0] == load_search_data(path, seed=5).sha256
    assert digests[2] == load_search_data(path, split="pooled", seed=1).sha256


@pytest.mark.parametrize("channels", [1, 3])
def test_the_pooled_split_keeps_every_image_with_its_label(tmp_path: Path, channels: int) -> None:
    arrays = medmnist_arrays(channels=channels)
    path = str(write_npz(tmp_path / "a.npz", arrays))
    data = load_search_data(path, split="pooled", seed=3)
    assert (len(data.train_images), len(data.val_images)) == (42, 19)
    official = {
        (image.tobytes(), int(label[0]))
        for part in ("train", "val", "test")
        for image, label in zip(arrays[f"{part}_images"], arrays[f"{part}_labels"], strict=True)
    }
    images = torch.cat([data.train_images, data.val_images]).permute(0, 2, 3, 1).numpy()
    labels = torch.cat([data.train_labels, data.val_labels]).tolist()
    pooled = {(image.tobytes(), label) for image, label in zip(images, labels, strict=True)}
    assert pooled == official


def test_the_pooled_split_is_70_30_and_warns_of_its_cost(path: str) -> None:
    data = load_search_data("digits", split="pooled")
    assert (len(data.train_images), len(data.val_images)) == (1257, 540)
    warning = load_search_data(path, split="pooled").warnings[-1]
    assert "of the 9 official test images of a are in its training part" in warning
    assert "cannot be tested on the official test part" in warning


def test_an_unknown_split_is_refused(path: str) -> None:
    with pytest.raises(DataError, match="unknown split 'random'; known: official, pooled"):
        load_search_data(path, split="random")


def test_real_images_are_read(octmnist_mini: Path) -> None:
    data = load_search_data(str(octmnist_mini))
    assert data.train_images.shape == (2205, 1, 28, 28)
    assert torch.bincount(data.train_labels).tolist() == [715, 325, 278, 887]
    assert torch.bincount(data.val_labels).tolist() == [270, 74, 59, 355]
