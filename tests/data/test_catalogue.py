from __future__ import annotations

import pytest

from study.common.errors import DataError
from study.data import catalogue
from study.data.catalogue import (
    dataset_names,
    default_data_root,
    licence_and_source,
    medmnist_set,
)
from study.search_space.candidate import ImageFormat


def test_a_set_is_as_medmnist_describes_it_and_a_larger_size_is_another_file() -> None:
    octmnist = medmnist_set("octmnist")
    assert octmnist.image == ImageFormat(channels=1, size=28, classes=4)
    assert octmnist.class_names[3] == "normal"
    assert octmnist.file_name == "octmnist.npz"
    assert octmnist.md5 == "c68d92d5b585d8d81f7112f81e2d0842"
    assert octmnist.url.endswith("/octmnist.npz?download=1")
    assert octmnist.licence == "CC BY 4.0"
    pathmnist = medmnist_set("pathmnist", 64)
    assert pathmnist.image == ImageFormat(channels=3, size=64, classes=9)
    assert pathmnist.file_name == "pathmnist_64.npz"
    assert pathmnist.md5 != medmnist_set("pathmnist").md5


@pytest.mark.parametrize("name", dataset_names())
def test_every_listed_set_has_classes_a_licence_and_a_source(name: str) -> None:
    licence, source = licence_and_source(name)
    assert licence.startswith("CC BY")
    assert source
    for size in (28, 64) if name != "digits" else ():
        entry = medmnist_set(name, size)
        assert entry.image.classes == len(entry.class_names) >= 2


def test_digits_is_listed_first_and_unusable_sets_are_not_listed() -> None:
    names = dataset_names()
    assert names[0] == "digits"
    assert len(names) == 12
    assert "chestmnist" not in names


@pytest.mark.parametrize(
    ("name", "size", "reason"),
    [
        ("chestmnist", 28, "several labels at once"),
        ("organmnist3d", 28, "3D volumes"),
        ("synapsemnist3d", 28, "3D volumes"),
        ("octmnits", 28, "did you mean 'octmnist'"),
        ("imagenet-of-everything", 28, "known: digits, pathmnist"),
        ("octmnist", 32, "'octmnist' has no size 32; it has 28, 64"),
    ],
)
def test_a_set_that_cannot_be_used_is_refused_with_the_reason(
    name: str, size: int, reason: str
) -> None:
    with pytest.raises(DataError, match=reason):
        medmnist_set(name, size)


def test_the_default_root_is_that_of_medmnist_if_it_can_be_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert default_data_root().name == ".medmnist"
    monkeypatch.setattr(catalogue._medmnist_info(), "DEFAULT_ROOT", None)
    with pytest.raises(DataError, match="--data-root"):
        default_data_root()


def test_the_source_of_octmnist_names_the_scans_and_a_file_has_none() -> None:
    _, source = licence_and_source("octmnist")
    assert "MedMNIST v2" in source
    assert "Kermany et al. 2018" in source
    assert licence_and_source("my/scans.npz") == ("", "")
