from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from study.common.errors import DataError
from study.data import catalogue
from study.data.dataset import SearchData, load_search_data
from study.data.parts import TRAIN, VAL, Part
from study.data.sources import DigitsSource, image_counts, image_format
from study.search_space.candidate import ImageCounts, ImageFormat
from tests.data.files import medmnist_arrays, write_npz
from tests.data.server import FileServer, serving

PARTS = (TRAIN, VAL, Part("test"))


def test_the_digits_are_the_same_bytes_for_every_seed() -> None:
    data = load_search_data("digits", seed=1)
    assert data.sha256[:16] == "d46e21c4e21023fd"
    assert load_search_data("digits", seed=2).sha256 == data.sha256
    assert data.image == image_format("digits") == ImageFormat(channels=1, size=28, classes=10)
    assert data.train_images.shape == (1078, 1, 28, 28)
    assert data.val_images.shape == (360, 1, 28, 28)
    assert data.train_images.is_contiguous()
    assert (int(data.train_images.min()), int(data.train_images.max())) == (0, 255)
    assert data.class_names[7] == "7"


def test_every_part_of_the_digits_has_a_tenth_of_every_class() -> None:
    source = DigitsSource(size=28)
    for part, share in zip(PARTS, (0.6, 0.2, 0.2), strict=True):
        counts = np.bincount(source.labels(part), minlength=10)
        assert np.all(np.abs(counts - 179.7 * share) < 4)
        assert counts.sum() == source.count(part)


def test_the_parts_of_the_digits_are_disjoint_and_complete() -> None:
    images = np.concatenate([DigitsSource(size=28).images(part) for part in PARTS])
    assert len(images) == 1797
    assert len({image.tobytes() for image in images}) == 1797


def test_the_digits_have_two_sizes() -> None:
    assert load_search_data("digits", size=64).train_images.shape[-1] == 64
    with pytest.raises(DataError, match="'digits' has no size 100; it has 28 and 64"):
        load_search_data("digits", size=100)


def test_format_and_counts_are_known_without_loading_images(tmp_path: Path) -> None:
    path = write_npz(tmp_path / "a.npz", medmnist_arrays(size=12, channels=3))
    assert image_format(str(path)) == ImageFormat(channels=3, size=12, classes=3)
    assert image_counts(str(path)) == ImageCounts(train=40, validation=12)
    assert image_counts("octmnist", 224) == ImageCounts()
    assert image_counts("pathmnist") == ImageCounts(train=89_996, validation=10_004)
    digits = load_search_data("digits")
    found = ImageCounts(train=len(digits.train_images), validation=len(digits.val_images))
    assert image_counts("digits") == found


@pytest.mark.parametrize("read", [image_format, image_counts, load_search_data])
def test_an_unknown_home_folder_is_one_clear_line(read: Callable[[str], object]) -> None:
    with pytest.raises(
        DataError, match=r"^~nosuchuser/x.npz: no home .*write out the whole path$"
    ):
        read("~nosuchuser/x.npz")
    with pytest.raises(DataError, match=r"^~nosuchuser: no home folder .*the whole path$"):
        load_search_data("octmnist", data_root=Path("~nosuchuser"))


def test_the_name_of_a_file_is_its_stem_and_home_is_expanded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_npz(tmp_path / "mine.npz", medmnist_arrays())
    monkeypatch.setenv("HOME", str(tmp_path))
    data = load_search_data("~/mine.npz")
    assert data.name == "mine"
    assert data.class_names == ("0", "1", "2")


def test_a_size_that_the_file_does_not_have_is_refused(tmp_path: Path) -> None:
    path = str(write_npz(tmp_path / "a.npz", medmnist_arrays(size=12)))
    assert load_search_data(path, size=12).image.size == 12
    with pytest.raises(DataError, match="have 12 pixels a side, not 64"):
        load_search_data(path, size=64)


def test_a_path_without_its_ending_is_still_a_path(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no such file"):
        image_format(str(tmp_path / "octmnist"))


Published = Callable[[FileServer, bytes], None]


@pytest.fixture
def publish(monkeypatch: pytest.MonkeyPatch) -> Published:
    """Replace address and MD5 of octmnist in medmnist's catalogue by those of a local server."""

    def change(server: FileServer, content: bytes) -> None:
        info = catalogue._medmnist_info().INFO["octmnist"]
        monkeypatch.setitem(info, "url", server.url)
        monkeypatch.setitem(info, "MD5", hashlib.md5(content).hexdigest())

    return change


@pytest.fixture
def content(tmp_path: Path) -> bytes:
    arrays = medmnist_arrays(size=28)
    return write_npz(tmp_path / "published.npz", arrays).read_bytes()


def load(root: Path, **options: object) -> SearchData:
    return load_search_data("octmnist", data_root=root, **options)  # type: ignore[arg-type]


def test_a_medmnist_set_is_downloaded_once(
    tmp_path: Path, content: bytes, publish: Published
) -> None:
    seen: list[tuple[int, int]] = []
    with serving(content) as server:
        publish(server, content)
        data = load(tmp_path / "root", progress=lambda *now: seen.append(now))
        load(tmp_path / "root")
        assert len(server.requested_ranges) == 1
    assert seen[-1] == (len(content), len(content))
    assert data.image == image_format("octmnist")
    assert data.class_names[1] == "diabetic macular edema"
    assert data.notes == ("data: octmnist of MedMNIST v2 (Yang et al. 2023), CC BY 4.0.",)


def test_a_file_that_is_there_is_checked_and_not_replaced(
    tmp_path: Path, content: bytes, publish: Published
) -> None:
    root = tmp_path / "root"
    root.mkdir()
    shutil.copy(tmp_path / "published.npz", root / "octmnist.npz")
    with serving(content) as server:
        publish(server, content + b"another")
        with pytest.raises(DataError, match=r"MD5 is .*delete it .*--dataset .*octmnist.npz"):
            load(root)
        assert server.requested_ranges == []
    assert (root / "octmnist.npz").read_bytes() == content


def test_a_failed_download_names_address_folder_and_digits(
    tmp_path: Path, content: bytes, publish: Published
) -> None:
    with serving(content) as server:
        publish(server, content)
        server.status = 404
        with pytest.raises(DataError) as caught:
            load(tmp_path / "root")
    assert str(caught.value) == (
        f"octmnist.npz: download failed: HTTP 404 Not Found; get {server.url} by other means, "
        f"put it into {tmp_path / 'root'}, or try without a download: --dataset digits"
    )


def test_a_folder_with_the_name_of_the_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "octmnist.npz").mkdir()
    with pytest.raises(DataError, match=r"octmnist.npz: Is a directory; check the path"):
        load(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_one_line(tmp_path: Path) -> None:
    path = write_npz(tmp_path / "a.npz", medmnist_arrays())
    path.chmod(0)
    with pytest.raises(DataError, match="may not be read; change its permissions"):
        load_search_data(str(path))
