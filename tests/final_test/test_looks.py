from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.common.errors import DataError, EvaluationError
from study.final_test import looks
from study.final_test.looks import Look, Searched, StudyLedger, look_at_test_part
from study.storage.stored_study import LOOK

NOON = dt.datetime(2026, 1, 2, 12, tzinfo=dt.UTC)


def _look(minutes: int = 0, candidate: str = "c1") -> Look:
    return Look(
        when=NOON + dt.timedelta(minutes=minutes, microseconds=7),
        candidate_id=candidate,
        code_version="0.1.0+abc",
        fit_on="train",
        seeds=(11, 12),
    )


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    arrays = {}
    for part, n in (("train", 24), ("val", 12), ("test", 8)):
        arrays[f"{part}_images"] = rng.integers(0, 256, (n, 28, 28), dtype=np.uint8)
        arrays[f"{part}_labels"] = (np.arange(n) % 4)[:, None].astype(np.uint8)
    np.savez(tmp_path / "tiny.npz", **arrays)  # type: ignore[arg-type]
    return tmp_path / "tiny.npz"


def _searched(split: str = "official") -> Searched:
    return Searched(study="s", dataset="tiny", split=split)


def test_the_look_is_in_the_ledger_and_the_images_are_the_test_parts(data: Path) -> None:
    ledger = StudyLedger(optuna.create_study())
    opened = look_at_test_part(str(data), ledger=ledger, look=_look(), searched=_searched())
    assert ledger.looks() == [_look()]
    assert opened.number == 1
    assert np.array_equal(opened.images.numpy()[:, 0], np.load(data)["test_images"])
    assert opened.labels.tolist() == [0, 1, 2, 3] * 2


def test_the_look_is_written_before_anything_is_read(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = StudyLedger(optuna.create_study())
    seen: list[int] = []
    really_open = looks.open_test_part  # type: ignore[attr-defined]

    def opening(*args: Any, **options: Any) -> Any:
        seen.append(len(ledger.looks()))
        return really_open(*args, **options)

    monkeypatch.setattr(looks, "open_test_part", opening)
    look_at_test_part(str(data), ledger=ledger, look=_look(), searched=_searched())
    assert seen == [1]


def test_a_look_that_then_finds_no_file_counts_all_the_same(tmp_path: Path) -> None:
    ledger = StudyLedger(optuna.create_study())
    with pytest.raises(DataError):
        look_at_test_part(
            str(tmp_path / "none.npz"), ledger=ledger, look=_look(), searched=_searched()
        )
    assert len(ledger.looks()) == 1


def test_a_pooled_study_is_refused_and_no_look_is_written(data: Path) -> None:
    ledger = StudyLedger(optuna.create_study())
    with pytest.raises(EvaluationError, match="pooled split, whose training part holds official"):
        look_at_test_part(
            str(data), ledger=ledger, look=_look(), searched=_searched(split="pooled")
        )
    assert ledger.looks() == []


class _Forgetful:
    """A storage that takes everything and keeps nothing."""

    @property
    def user_attrs(self) -> Mapping[str, Any]:
        return {}

    def set_user_attr(self, key: str, value: Any) -> None:
        pass


def test_nothing_is_opened_when_the_storage_keeps_nothing(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looks, "open_test_part", lambda *_, **__: pytest.fail("opened"))
    with pytest.raises(EvaluationError, match="not kept by the storage"):
        look_at_test_part(
            str(data), ledger=StudyLedger(_Forgetful()), look=_look(), searched=_searched()
        )


def test_looks_outlast_the_process_and_keep_their_numbers_whatever_the_clock_does(
    tmp_path: Path,
) -> None:
    url = f"sqlite:///{tmp_path / 's.db'}"
    first = StudyLedger(optuna.create_study(storage=url, study_name="s"))
    assert first.append(_look(0)) == 1
    assert first.append(_look(5, "c2")) == 2
    again = StudyLedger(optuna.load_study(storage=url, study_name="s"))
    assert again.append(_look(3, "c3")) == 3
    assert [look.candidate_id for look in again.looks()] == ["c1", "c2", "c3"]


def test_two_looks_at_the_same_instant_are_both_kept() -> None:
    ledger = StudyLedger(optuna.create_study())
    assert [ledger.append(_look()), ledger.append(_look())] == [1, 2]
    assert len(ledger.looks()) == 2


def test_a_damaged_entry_is_named() -> None:
    study = optuna.create_study()
    study.set_user_attr(f"{LOOK}1", {"when": "yesterday"})
    with pytest.raises(EvaluationError, match="look at the test part 'test_look:1'"):
        StudyLedger(study).looks()


def test_other_attributes_of_the_study_are_no_looks() -> None:
    study = optuna.create_study()
    study.set_user_attr("settings", {"seed": 1})
    assert StudyLedger(study).looks() == []


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="a time with its zone"):
        Look(
            when=dt.datetime(2026, 1, 1),  # the zone is what is missing
            candidate_id="c",
            code_version="0",
            fit_on="train",
            seeds=(),
        )


@given(st.datetimes(timezones=st.just(dt.UTC)), st.text(max_size=8), st.lists(st.integers()))
def test_every_look_comes_back_as_it_was(when: dt.datetime, text: str, seeds: list[int]) -> None:
    look = Look(when=when, candidate_id=text, code_version=text, fit_on=text, seeds=tuple(seeds))
    study = _Dictionary()
    StudyLedger(study).append(look)
    assert StudyLedger(study).looks() == [look]


class _Dictionary:
    """A study's attributes without a storage."""

    def __init__(self) -> None:
        self.kept: dict[str, Any] = {}

    @property
    def user_attrs(self) -> Mapping[str, Any]:
        return self.kept

    def set_user_attr(self, key: str, value: Any) -> None:
        self.kept[key] = value
