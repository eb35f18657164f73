from __future__ import annotations

import csv
import datetime as dt
import json
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from study.common.errors import DataError, EvaluationError
from study.common.stop import Stop
from study.confirmation.confirm import confirm
from study.confirmation.retraining import seed_of
from study.final_test.access_log import Access, read_accesses
from study.final_test.final_test import FinalTestRun, run_test
from study.final_test.result import FinalTest
from study.report.study_summary import summarise_study
from study.settings.study_settings import FitOn
from study.storage.stored_study import load_trials, open_study
from tests.report import rendered
from tests.searched import copied, learnable, resources, run_context, search

NOW = dt.datetime(2026, 3, 4, 5, 6, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("confirmed")
    search(folder)
    confirm("s", resources(folder), top=2, seeds=2)
    return folder


@pytest.fixture
def confirmed(found: Path, tmp_path: Path) -> Path:
    return copied(found, tmp_path / "copy")


def run(folder: Path, *, seeds: int = 2, fit_on: FitOn = "train") -> FinalTestRun:
    return run_test("s", resources(folder), seeds=seeds, fit_on=fit_on, now=lambda: NOW)


class Once(NamedTuple):
    """A study that was tested once."""

    folder: Path
    outcome: FinalTestRun
    result: FinalTest


@pytest.fixture(scope="module")
def once(found: Path, tmp_path_factory: pytest.TempPathFactory) -> Once:
    folder = copied(found, tmp_path_factory.mktemp("tested") / "copy")
    outcome = run(folder)
    assert outcome.result is not None
    return Once(folder=folder, outcome=outcome, result=outcome.result)


def accesses(folder: Path) -> list[Access]:
    return read_accesses(open_study("s", run_context(folder).url).study)


def test_the_confirmed_candidate_is_trained_anew_and_tested(once: Once) -> None:
    runs = load_trials("s-test", run_context(once.folder).url)[1]
    ours = open_study("s", run_context(once.folder).url)
    chosen = ours.study.user_attrs["confirmation"]["candidates"][0]["candidate_id"]
    assert [r.candidate_id for r in runs] == [chosen] * 2
    assert once.result.seeds == tuple(seed_of(r) for r in runs)
    confirming = load_trials("s-confirm", run_context(once.folder).url)[1]
    assert not set(once.result.seeds) & {seed_of(r) for r in confirming}
    assert once.result.images == 30
    assert once.result.over_seeds["test_accuracy"].mean > 0.5
    links = {link.name: link.value for link in once.result.chain}
    assert links["validation accuracy"] == pytest.approx(
        np.mean([r.metrics["val_accuracy"] for r in runs])
    )
    assert once.result.validated == "these networks"


def test_predictions_and_figures_are_kept_as_files(once: Once) -> None:
    tables = [path for path in once.outcome.files if path.suffix == ".csv"]
    labels = learnable()["test_labels"][:, 0]
    for path, run in zip(tables, once.result.networks, strict=True):
        with path.open(newline="") as file:
            shares = np.array([[float(x) for x in row[1:]] for row in csv.reader(file)])
        assert float((shares.argmax(axis=1) == labels).mean()) == pytest.approx(
            run.measures["test_accuracy"]
        )
    figures = json.loads(next(p for p in once.outcome.files if p.suffix == ".json").read_text())
    assert figures["access"] == 1


def test_the_data_checks_see_the_test_part_from_then_on(found: Path, once: Once) -> None:
    before = open_study("s", run_context(found).url).data["data_checks"]
    assert "A search leaves the test part closed" in before
    after = open_study("s", run_context(once.folder).url).data["data_checks"]
    assert after == once.outcome.audit
    assert "of test in train" in after


def test_the_access_is_in_the_log_and_in_every_report(confirmed: Path) -> None:
    first, second = run(confirmed), run(confirmed)
    assert first.result is not None
    assert second.result is not None
    assert (first.result.access, len(first.accesses)) == (1, 1)
    assert (second.result.access, len(second.accesses)) == (2, 2)
    assert first.result.networks == second.result.networks
    stored = open_study("s", run_context(confirmed).url)
    entry = read_accesses(stored.study)[0]
    assert (entry.when, entry.candidate_id) == (NOW, first.result.candidate_id)
    assert entry.seeds == first.result.seeds
    assert entry.code_version
    records = load_trials("s", run_context(confirmed).url)[1]
    text = rendered.markdown(records, summarise_study(stored, records))
    assert "The test part was opened 2 times" in text or "opened twice" in text


def test_networks_can_be_trained_on_train_and_validation_images(confirmed: Path) -> None:
    found = run(confirmed, fit_on="train+val")
    assert found.result is not None
    assert found.result.fit_on == "train+val"
    stored = open_study("s-test-trainval", run_context(confirmed).url)
    assert stored.data["train"] == 165
    assert any("learned images" in line for line in stored.data["warnings"])
    confirming = load_trials("s-confirm", run_context(confirmed).url)[1]
    own = [r for r in confirming if r.candidate_id == found.result.candidate_id]
    assert found.result.chain[0].value == pytest.approx(
        np.mean([r.metrics["val_accuracy"] for r in own])
    )
    assert found.result.validated == "the confirmation's networks"
    assert accesses(confirmed)[0].fit_on == "train+val"


@pytest.mark.parametrize(
    ("split", "message"),
    [
        ("official", r"'s' is not confirmed.*run 'confirm s' first"),
        ("pooled", "searched on the pooled split"),
    ],
)
def test_testing_an_unconfirmed_or_pooled_study_is_an_error_without_an_access(
    tmp_path: Path, split: str, message: str
) -> None:
    search(tmp_path, split=split, estimator="synthetic")
    with pytest.raises(EvaluationError, match=message):
        run(tmp_path)
    assert accesses(tmp_path) == []


def test_the_test_part_stays_closed_if_the_trainings_are_interrupted(confirmed: Path) -> None:
    stop = Stop()
    stop.request()
    stopped = run_test(
        "s", replace(resources(confirmed), stop=stop), seeds=1, fit_on="train", now=lambda: NOW
    )
    assert stopped.result is None
    assert accesses(confirmed) == []


def test_a_search_and_a_confirmation_never_read_the_test_part(tmp_path: Path) -> None:
    """The test part of this file is damaged, so reading it is an error."""
    arrays = learnable()
    arrays["test_labels"][3] = 9
    np.savez_compressed(tmp_path / "tiny.npz", **arrays)  # type: ignore[arg-type]
    search(tmp_path)
    assert confirm("s", resources(tmp_path), top=1, seeds=1).result is not None
    with pytest.raises(DataError, match="test_labels: label 9 of image 3 is out of range"):
        run(tmp_path, seeds=1)
    assert len(accesses(tmp_path)) == 1, "an access that failed is still an access"
