from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from study.common.errors import DataError
from study.data.contact_sheet import contact_sheet
from study.data.dataset import load_search_data
from tests.data.files import medmnist_arrays, write_npz


def test_every_class_has_a_row_and_every_call_chooses_the_same_images(tmp_path: Path) -> None:
    data = load_search_data(str(write_npz(tmp_path / "a.npz", medmnist_arrays(size=28))))
    contact_sheet(data, tmp_path / "one" / "sheet.png")
    contact_sheet(data, tmp_path / "two.png")
    first = (tmp_path / "one" / "sheet.png").read_bytes()
    assert first == (tmp_path / "two.png").read_bytes()
    with Image.open(tmp_path / "two.png") as sheet:
        assert sheet.format == "PNG"
        assert sheet.size == (724, 238)
    assert [path.name for path in (tmp_path / "one").iterdir()] == ["sheet.png"]


@pytest.mark.parametrize(("channels", "size"), [(1, 8), (3, 28), (3, 64), (1, 100)])
def test_a_row_shows_training_images_of_its_class(
    tmp_path: Path, channels: int, size: int
) -> None:
    arrays = medmnist_arrays(size=size, channels=channels)
    for label in range(3):  # the pixels show the class
        arrays["train_images"][arrays["train_labels"][:, 0] == label] = 40 + 60 * label
    data = load_search_data(str(write_npz(tmp_path / "a.npz", arrays)), size=size)
    contact_sheet(data, tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as sheet:
        pixels = np.asarray(sheet)
    row_height = (pixels.shape[0] - 4) // 3
    for label in range(3):
        row = pixels[label * row_height + 22 : (label + 1) * row_height]
        assert set(np.unique(row[:, :60])) == {40 + 60 * label, 255}


def test_a_class_without_training_images_has_an_empty_row(tmp_path: Path) -> None:
    data = load_search_data("digits")
    few = data.train_labels < 4
    images, labels = data.train_images[few], data.train_labels[few]
    cut = dataclasses.replace(data, train_images=images, train_labels=labels)
    contact_sheet(cut, tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert set(np.unique(np.asarray(sheet)[-60:])) == {255}
    with pytest.raises(DataError, match="name a file that can be written"):
        contact_sheet(data, tmp_path / "sheet.png" / "sheet.png")
