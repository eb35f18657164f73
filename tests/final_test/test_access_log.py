from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.common.errors import DataError, EvaluationError
from study.final_test import final_test
from study.final_test.access_log import Access, append_access, read_accesses
from study.final_test.final_test import open_logged
from study.storage.stored_study import TEST_ACCESS
from tests.data.files import write_npz
from tests.searched import learnable
from tests.studies import settings

NOON = dt.datetime(2026, 1, 2, 12, tzinfo=dt.UTC)


def _access(minutes: int = 0, candidate: str = "c1") -> Access:
    return Access(
        when=NOON + dt.timedelta(minutes=minutes, microseconds=7),
        candidate_id=candidate,
        code_version="0.1.0+abc",
        fit_on="train",
        seeds=(11, 12),
    )


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_npz(tmp_path / "tiny.npz", learnable())


def _open(study: Any, data: Path, split: str = "official") -> Any:
    searched = settings(study="s", dataset=str(data), split=split)
    return open_logged(study, _access(), searched, searched="tiny")


def test_the_access_is_in_the_log_and_the_images_are_the_test_parts(data: Path) -> None:
    study = optuna.create_study()
    number, images, labels = _open(study, data)
    assert read_accesses(study) == [_access()]
    assert number == 1
    assert np.array_equal(images.numpy()[:, 0], np.load(data)["test_images"])
    assert labels.tolist() == [0, 1, 2] * 10


def test_the_access_is_written_before_anything_is_read(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = optuna.create_study()
    seen: list[int] = []
    really_open = final_test.open_test_part  # type: ignore[attr-defined]

    def opening(*args: Any, **options: Any) -> Any:
        seen.append(len(read_accesses(study)))
        return really_open(*args, **options)

    monkeypatch.setattr(final_test, "open_test_part", opening)
    _open(study, data)
    assert seen == [1]


def test_an_access_that_then_finds_no_file_counts(tmp_path: Path) -> None:
    study = optuna.create_study()
    with pytest.raises(DataError):
        _open(study, tmp_path / "none.npz")
    assert len(read_accesses(study)) == 1


def test_a_study_on_the_pooled_split_is_an_error_without_an_access(data: Path) -> None:
    study = optuna.create_study()
    with pytest.raises(EvaluationError, match="pooled split, whose training part contains"):
        _open(study, data, split="pooled")
    assert read_accesses(study) == []


class _Attributes:
    """A study's attributes without a storage."""

    def __init__(self, *, forgetful: bool = False) -> None:
        self.kept: dict[str, Any] = {}
        self.forgetful = forgetful

    @property
    def user_attrs(self) -> Mapping[str, Any]:
        return self.kept

    def set_user_attr(self, key: str, value: Any) -> None:
        if not self.forgetful:
            self.kept[key] = value


def test_nothing_is_opened_when_the_storage_keeps_nothing(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(final_test, "open_test_part", lambda *_, **__: pytest.fail("opened"))
    with pytest.raises(EvaluationError, match="storage did not keep"):
        _open(_Attributes(forgetful=True), data)


def test_accesses_are_numbered_in_the_order_of_writing_and_not_by_the_clock(
    tmp_path: Path,
) -> None:
    url = f"sqlite:///{tmp_path / 's.db'}"
    first = optuna.create_study(storage=url, study_name="s")
    assert append_access(first, _access(0)) == 1
    assert append_access(first, _access(5, "c2")) == 2
    again = optuna.load_study(storage=url, study_name="s")
    assert append_access(again, _access(3, "c3")) == 3
    assert [access.candidate_id for access in read_accesses(again)] == ["c1", "c2", "c3"]


def test_two_accesses_at_the_same_instant_are_both_kept_among_other_attributes() -> None:
    study = optuna.create_study()
    study.set_user_attr("settings", {"seed": 1})
    assert [append_access(study, _access()), append_access(study, _access())] == [1, 2]
    assert len(read_accesses(study)) == 2


def test_a_damaged_entry_is_named() -> None:
    study = optuna.create_study()
    study.set_user_attr(f"{TEST_ACCESS}1", {"when": "yesterday"})
    with pytest.raises(EvaluationError, match="entry 'test_access:1' of the test-set access log"):
        read_accesses(study)


def test_a_time_without_a_zone_is_an_error() -> None:
    with pytest.raises(ValueError, match="a time with its zone"):
        replace(_access(), when=dt.datetime(2026, 1, 1))


@given(st.datetimes(timezones=st.just(dt.UTC)), st.text(max_size=8), st.lists(st.integers()))
def test_every_access_comes_back_as_it_was(when: dt.datetime, text: str, seeds: list[int]) -> None:
    access = Access(
        when=when, candidate_id=text, code_version=text, fit_on=text, seeds=tuple(seeds)
    )
    study = _Attributes()
    append_access(study, access)
    assert read_accesses(study) == [access]
