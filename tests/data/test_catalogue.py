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


def test_octmnist_is_what_medmnist_says() -> None:
    octmnist = medmnist_set("octmnist")
    assert octmnist.image == ImageFormat(channels=1, size=28, classes=4)
    assert octmnist.class_names[3] == "normal"
    assert octmnist.file_name == "octmnist.npz"
    assert octmnist.md5 == "c68d92d5b585d8d81f7112f81e2d0842"
    assert octmnist.url.endswith("/octmnist.npz?download=1")
    assert octmnist.licence == "CC BY 4.0"


def test_a_larger_size_is_another_file() -> None:
    pathmnist = medmnist_set("pathmnist", 64)
    assert pathmnist.image == ImageFormat(channels=3, size=64, classes=9)
    assert pathmnist.file_name == "pathmnist_64.npz"
    assert pathmnist.md5 != medmnist_set("pathmnist").md5


@pytest.mark.parametrize("name", [name for name in dataset_names() if name != "digits"])
def test_every_listed_set_can_be_looked_up(name: str) -> None:
    for size in (28, 64):
        entry = medmnist_set(name, size)
        assert entry.image.classes == len(entry.class_names) >= 2


def test_digits_is_listed_first_and_refused_sets_are_not() -> None:
    names = dataset_names()
    assert names[0] == "digits"
    assert len(names) == 12
    assert "chestmnist" not in names


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("chestmnist", "several labels at once"),
        ("organmnist3d", "3D volumes"),
        ("synapsemnist3d", "3D volumes"),
        ("octmnits", "did you mean 'octmnist'"),
        ("imagenet-of-everything", "known: digits, pathmnist"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_reason(name: str, reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        medmnist_set(name)


def test_an_unknown_size_is_refused() -> None:
    with pytest.raises(DataError, match="'octmnist' has no size 32; it has 28, 64"):
        medmnist_set("octmnist", 32)


def test_the_default_root_is_that_of_medmnist() -> None:
    assert default_data_root().name == ".medmnist"


def test_a_home_that_cannot_be_written_is_answered_with_the_flag(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(catalogue._medmnist_info(), "DEFAULT_ROOT", None)
    with pytest.raises(DataError, match="--data-root"):
        default_data_root()


@pytest.mark.parametrize("dataset", dataset_names())
def test_every_data_set_known_by_name_has_a_licence_and_a_source(dataset: str) -> None:
    licence, source = licence_and_source(dataset)
    assert licence.startswith("CC BY")
    assert source


def test_octmnist_names_the_scans_behind_it_and_a_file_names_nothing() -> None:
    _, source = licence_and_source("octmnist")
    assert "MedMNIST v2" in source
    assert "Kermany et al. 2018" in source
    assert licence_and_source("my/scans.npz") == ("", "")
