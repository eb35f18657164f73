from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from study.common.errors import DataError
from study.data.dataset import SearchData, load_search_data
from study.data.leak_check import (
    LeakCheck,
    check_leaks,
    class_shift,
    describe_leak_check,
    drop_leaks,
    leaking_train_indices,
)
from study.data.twins import Overlap, PartSummary
from study.running.study_data import load_data
from study.settings.run_context import RunContext
from study.settings.study_settings import FitOn, Plan, PlannedCandidate, StudySettings
from tests.data.files import Arrays, pictures, with_noise, write_npz
from tests.studies import settings


def clean_arrays() -> Arrays:
    """Three classes, equally often in every part, and nothing to find."""
    images = pictures(300)
    arrays: Arrays = {}
    start = 0
    for part, count in {"train": 180, "val": 60, "test": 60}.items():
        arrays[f"{part}_images"] = images[start : start + count].copy()
        arrays[f"{part}_labels"] = (np.arange(count) % 3).astype(np.uint8)[:, None]
        start += count
    return arrays


def planted_arrays() -> Arrays:
    arrays = clean_arrays()
    train, val, test = (arrays[f"{part}_images"] for part in ("train", "val", "test"))
    val[3] = train[6]  # exact, the same label
    val[4] = train[8]  # exact, label 1 and 2
    val[5] = with_noise(train[11], 2.0)  # near
    test[0] = train[20]  # exact, label 0 and 2
    test[1] = with_noise(train[23], 2.0)  # near
    test[2] = val[10]  # exact, label 2 and 1
    train[30] = train[33]  # the same image and label twice
    train[40] = train[44]  # the same image with two labels
    train[50] = 17  # constant
    return arrays


@pytest.fixture
def planted(tmp_path: Path) -> str:
    return str(write_npz(tmp_path / "planted.npz", planted_arrays()))


def overlap(found: LeakCheck, first: str, second: str) -> Overlap:
    return next(one for one in found.overlaps if (one.first, one.second) == (first, second))


def summary(found: LeakCheck, name: str) -> PartSummary:
    return next(part for part in found.parts if part.name == name)


def test_a_clean_set_has_nothing_to_report_and_nothing_to_drop(tmp_path: Path) -> None:
    path = str(write_npz(tmp_path / "clean.npz", clean_arrays()))
    found, data = check_leaks(path), load_search_data(path)
    assert drop_leaks(data, found) is data
    assert leaking_train_indices(found) == ()
    for part in found.parts:
        assert (part.constant, part.repeated, part.conflicting) == (0, 0, 0)
        assert class_shift(found, part) == 0.0
    text = describe_leak_check(found)
    assert "No image has two labels." in text
    assert "--drop-leaks" not in text
    assert "balanced accuracy" not in text


def test_planted_twins_are_found_in_every_two_parts(planted: str) -> None:
    found = check_leaks(planted)
    both = overlap(found, "train", "val")
    assert (both.exact_first, both.exact_second) == (2, 2)
    assert (both.near_first, both.near_second) == (1, 1)
    assert both.conflicting_first == 1
    assert both.twins_in_first == (6, 8, 11)
    both = overlap(found, "train", "test")
    assert (both.exact_second, both.near_second, both.conflicting_first) == (1, 1, 1)
    assert both.twins_in_first == (20, 23)
    both = overlap(found, "val", "test")
    assert (both.exact_first, both.near_first, both.conflicting_first) == (1, 0, 1)
    train = summary(found, "train")
    assert (train.images, train.class_counts) == (180, (60, 60, 60))
    assert (train.repeated, train.conflicting, train.constant) == (2, 2, 1)


def test_the_shift_is_the_share_that_would_need_another_class(tmp_path: Path) -> None:
    arrays = clean_arrays()
    arrays["test_labels"][:] = 0
    found = check_leaks(str(write_npz(tmp_path / "a.npz", arrays)))
    assert class_shift(found, summary(found, "test")) == pytest.approx(2 / 3)
    assert class_shift(found, summary(found, "val")) == 0.0
    assert "differ from those of train in test (66.7%)" in describe_leak_check(found)


def test_the_text_names_every_finding(planted: str) -> None:
    text = describe_leak_check(check_leaks(planted))
    assert "2 + 1 of val in train, 1 + 1 of test in train, 1 + 0 of test in val" in text
    assert "Training images with a twin in val or test: 5; --drop-leaks" in text
    assert "The same image with two labels: 2 images within a part, 3 across parts" in text
    assert "16 of 64 bits" in text
    left_out = describe_leak_check(check_leaks(planted), leaks="left out")
    assert "a twin in val or test: 5; left out by --drop-leaks." in left_out
    assert len(text.splitlines()) < 16


def test_leaks_are_dropped_and_the_digest_changes(planted: str) -> None:
    data, found = load_search_data(planted), check_leaks(planted)
    clean = drop_leaks(data, found)
    kept = [index for index in range(180) if index not in (6, 8, 11, 20, 23)]
    assert torch.equal(clean.train_images, data.train_images[kept])
    assert torch.equal(clean.train_labels, data.train_labels[kept])
    assert clean.sha256 != data.sha256
    assert clean.notes[-1] == "training images left out for a twin elsewhere: 5."
    with pytest.raises(ValueError, match="does not belong to"):
        drop_leaks(load_search_data(planted, split="pooled"), found)


def test_a_class_is_not_dropped_whole(tmp_path: Path) -> None:
    arrays = clean_arrays()
    arrays["train_labels"][:] = np.arange(180)[:, None] % 2
    arrays["train_labels"][7] = 2
    arrays["val_images"][0] = arrays["train_images"][7]
    path = str(write_npz(tmp_path / "a.npz", arrays))
    with pytest.raises(DataError, match="every training image of class '2' has a twin"):
        drop_leaks(load_search_data(path), check_leaks(path))


def test_the_pooled_split_has_no_test_part_to_compare_with(planted: str) -> None:
    found = check_leaks(planted, split="pooled", seed=1)
    assert [part.name for part in found.parts] == ["train", "val"]
    assert [(both.first, both.second) for both in found.overlaps] == [("train", "val")]
    assert sum(part.images for part in found.parts) == 300


def test_the_check_of_a_search_does_not_read_the_test_part(tmp_path: Path) -> None:
    arrays = planted_arrays()
    arrays["test_labels"][0] = 9  # an error where the test part is read
    path = str(write_npz(tmp_path / "a.npz", arrays))
    found = check_leaks(path, parts="searched")
    assert [part.name for part in found.parts] == ["train", "val"]
    assert overlap(found, "train", "val").exact_first == 2
    assert "A search leaves the test part closed" in describe_leak_check(found)
    with pytest.raises(DataError, match="label 9 of image 0 is out of range"):
        check_leaks(path)


def test_the_published_class_shares_of_octmnist_are_stated_without_its_test_part() -> None:
    counts = {"train": (33484, 10213, 7754, 46026), "val": (3721, 1135, 862, 5114)}
    found = LeakCheck(
        name="octmnist",
        split="official",
        sha256="",
        class_names=("cnv", "dme", "drusen", "normal"),
        parts=tuple(
            PartSummary(name=name, class_counts=each, constant=0, repeated=0, conflicting=0)
            for name, each in counts.items()
        ),
        overlaps=(),
    )
    text = describe_leak_check(found)
    assert "250 images of class normal among 1,000, while 47% of val are of it" in text
    assert "balanced accuracy" in text


def test_a_second_check_reads_the_first_one(planted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first = check_leaks(planted)
    monkeypatch.setattr("study.data.leak_check._examine", None)
    assert check_leaks(planted) == first


@pytest.mark.parametrize("content", ["", "{", "[]", '{"parts": []}', '{"parts": 3}'])
def test_a_kept_check_that_is_damaged_is_made_again(planted: str, content: str) -> None:
    first = check_leaks(planted)
    (kept,) = (Path(planted).parent / ".study_cache").glob("*/leak-check-*.json")
    kept.write_text(content)
    assert check_leaks(planted) == first


def test_a_check_has_counts_and_indices_and_no_images(planted: str) -> None:
    def leaves(value: object) -> list[object]:
        if isinstance(value, dict):
            value = tuple(value.values())
        return (
            [leaf for each in value for leaf in leaves(each)]
            if isinstance(value, tuple)
            else [value]
        )

    found = check_leaks(planted)
    assert {type(leaf) for leaf in leaves(dataclasses.asdict(found))} == {int, str}
    assert all(both.first != "test" for both in found.overlaps)


def test_the_digits_are_nearly_clean() -> None:
    found = check_leaks("digits")
    assert [part.images for part in found.parts] == [1078, 360, 359]
    assert sum(both.exact_first for both in found.overlaps) == 0
    assert len(leaking_train_indices(found)) == 1


def test_real_images_are_checked(octmnist_mini: Path) -> None:
    found = check_leaks(str(octmnist_mini))
    assert overlap(found, "train", "val").near_second == 1
    assert sum(both.exact_first for both in found.overlaps) == 0
    shifts = [class_shift(found, part) for part in found.parts]
    assert shifts == pytest.approx([0.0, 0.098, 0.333], abs=5e-4)


def both_parts(dataset: str) -> StudySettings:
    candidate = PlannedCandidate(candidate_id="c", number=0, params={})
    plan = Plan(kind="test", origin="s", candidates=(candidate,), repeats=1, fit_on="train+val")
    return settings(dataset=dataset, drop_leaks=True, estimator="train", plan=plan)


def loaded(asked: StudySettings, fit_on: FitOn | None = None) -> SearchData:
    data, described = load_data(asked, RunContext(url="sqlite://"), fit_on=fit_on)
    assert data is not None
    assert described["sha256"] == data.sha256
    return data


def test_no_image_with_a_twin_in_the_test_part_is_learned_and_the_digest_changes(
    planted: str,
) -> None:
    asked = both_parts(planted)
    data, before = loaded(asked), load_search_data(planted)
    train = [index for index in range(180) if index not in (6, 8, 11, 20, 23)]
    val = [index for index in range(60) if index != 10]  # 10 is in the test part
    expected = torch.cat([before.train_images[train], before.val_images[val]])
    assert torch.equal(data.train_images, expected)
    assert torch.equal(data.val_images, before.val_images)
    assert data.notes[-1] == "validation images not learned for a twin in test: 1."
    without_plan = asked.with_changes(plan=None)
    assert loaded(without_plan, fit_on="train+val").sha256 == data.sha256
    assert loaded(without_plan).sha256 != data.sha256
