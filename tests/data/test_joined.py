from __future__ import annotations

from pathlib import Path

import pytest
import torch

from study.data.dataset import SearchData, load_search_data
from study.running.study_data import load_data
from study.settings.run_context import RunContext
from study.settings.study_settings import Plan, PlannedCandidate, StudySettings
from tests.data.files import write_npz
from tests.data.test_audit import planted_arrays
from tests.studies import settings


@pytest.fixture
def planted(tmp_path: Path) -> str:
    return str(write_npz(tmp_path / "planted.npz", planted_arrays()))


def both_parts(dataset: str) -> StudySettings:
    candidate = PlannedCandidate(candidate_id="c", number=0, params={})
    plan = Plan(kind="test", origin="s", candidates=(candidate,), repeats=1, fit_on="train+val")
    return settings(dataset=dataset, drop_leaks=True, estimator="train", plan=plan)


def loaded(asked: StudySettings) -> SearchData:
    data, _ = load_data(asked, RunContext(url="sqlite://"))
    assert data is not None
    return data


def test_without_leaks_no_image_with_a_twin_in_the_test_part_is_learned(planted: str) -> None:
    data, before = loaded(both_parts(planted)), load_search_data(planted)
    train = [index for index in range(180) if index not in (6, 8, 11, 20, 23)]
    val = [index for index in range(60) if index != 10]  # 10 is in the test part
    expected = torch.cat([before.train_images[train], before.val_images[val]])
    assert torch.equal(data.train_images, expected)
    assert torch.equal(data.val_images, before.val_images)
    assert data.notes[-1] == "validation images not learned for a twin in test: 1."


def test_the_digest_tells_that_validation_images_were_left_out(planted: str) -> None:
    asked = both_parts(planted)
    without_plan = asked.with_changes(plan=None)
    _, described = load_data(without_plan, RunContext(url="sqlite://"), fit_on="train+val")
    _, searched = load_data(without_plan, RunContext(url="sqlite://"))
    assert described["sha256"] == loaded(asked).sha256
    assert described["sha256"] != searched["sha256"]
