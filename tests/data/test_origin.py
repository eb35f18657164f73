from __future__ import annotations

import pytest

from study.data.catalogue import dataset_names
from study.data.origin import origin_of


@pytest.mark.parametrize("dataset", dataset_names())
def test_every_data_set_known_by_name_has_a_licence_and_a_source(dataset: str) -> None:
    origin = origin_of(dataset)
    assert origin.licence.startswith("CC BY")
    assert origin.source


def test_octmnist_names_the_scans_behind_it() -> None:
    assert "Kermany et al. 2018" in origin_of("octmnist").source
    assert "MedMNIST v2" in origin_of("octmnist").source


def test_of_a_file_of_ones_own_nothing_is_claimed() -> None:
    assert origin_of("my/scans.npz").licence == ""
