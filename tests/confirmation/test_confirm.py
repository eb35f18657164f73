from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from study.common.errors import EvaluationError, ResumeError
from study.common.stop import Stop
from study.confirmation.confirm import confirm
from study.confirmation.result import read_confirmation
from study.confirmation.retraining import seed_of
from study.report.study_summary import summarise_study
from study.storage.records import TrialRecord, ranked, training_seed
from study.storage.stored_study import load_trials, open_study
from tests.report import rendered
from tests.searched import copied, resources, run_context, search


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("searched")
    search(folder)
    return folder


@pytest.fixture
def searched(found: Path, tmp_path: Path) -> Path:
    return copied(found, tmp_path / "copy")


def trials(folder: Path, name: str) -> tuple[TrialRecord, ...]:
    return load_trials(name, run_context(folder).url)[1]


def test_the_best_are_trained_again_in_a_study_of_their_own(searched: Path) -> None:
    confirmed = confirm("s", resources(searched), top=2, seeds=3)
    runs, best = trials(searched, "s-confirm"), ranked(trials(searched, "s"))[:2]
    assert [r.candidate_id for r in runs] == [b.candidate_id for b in best] * 3
    assert {r.state for r in runs} == {"complete"}
    assert confirmed.result is not None
    assert confirmed.result.study == "s-confirm"
    for candidate in confirmed.result.candidates:
        own = [r for r in runs if r.candidate_id == candidate.candidate_id]
        assert candidate.fresh_values == tuple(r.value for r in sorted(own, key=seed_of))
        assert candidate.fresh.mean == pytest.approx(np.mean(candidate.fresh_values))
        seen = next(b for b in best if b.number == candidate.number).value
        assert candidate.search_value == seen
        assert candidate.choosing_mean == pytest.approx(np.mean([*candidate.fresh_values, seen]))


def test_seeds_are_fresh_and_shared_by_the_candidates(searched: Path) -> None:
    confirm("s", resources(searched), top=2, seeds=2)
    runs = trials(searched, "s-confirm")
    candidates = {r.candidate_id for r in runs}
    first, second = ({seed_of(r) for r in runs if r.candidate_id == c} for c in candidates)
    assert first == second
    assert len(first) == 2
    assert not first & {training_seed(0, candidate) for candidate in candidates}
    assert len({r.value for r in runs}) > 1


def test_the_result_is_stored_and_reported(searched: Path) -> None:
    confirmed = confirm("s", resources(searched), top=2, seeds=2)
    stored = open_study("s", run_context(searched).url)
    kept = read_confirmation(stored.study.user_attrs)
    assert kept is not None
    assert kept == confirmed.result
    summary = summarise_study(stored, trials(searched, "s"))
    assert summary.confirmation == kept
    assert {test.method for test in kept.tests} == {
        "paired t-test over seeds",
        "paired bootstrap of validation accuracy over images",
    }


def test_the_same_call_again_trains_nothing_and_a_larger_one_trains_what_is_missing(
    searched: Path,
) -> None:
    first = confirm("s", resources(searched), top=2, seeds=1)
    again = confirm("s", resources(searched), top=2, seeds=1)
    assert again.result == first.result
    assert len(trials(searched, "s-confirm")) == 2
    confirm("s", resources(searched), top=3, seeds=2)
    runs = trials(searched, "s-confirm")
    assert len(runs) == 6
    assert len({(r.candidate_id, seed_of(r)) for r in runs}) == 6
    fewer = confirm("s", resources(searched), top=1, seeds=2)
    assert fewer.result is not None
    assert [len(c.seeds) for c in fewer.result.candidates] == [2]
    assert len(trials(searched, "s-confirm")) == 6


def test_the_report_of_the_trainings_names_the_study_and_counts_every_seed(searched: Path) -> None:
    confirm("s", resources(searched), top=2, seeds=2)
    stored, records = load_trials("s-confirm", run_context(searched).url)
    text = rendered.markdown(records, summarise_study(stored, records))
    assert "The trainings of 'confirm s': listed candidates, 2 fresh seeds each" in text
    for report in (text, rendered.html(records, summarise_study(stored, records))):
        assert "onfirmed yet" not in report
        assert "never been opened" not in report
    assert "the best of 4 trained candidates" in text
    assert "reused as duplicates" not in text


def test_an_interrupted_confirmation_continues(searched: Path) -> None:
    stop = Stop()
    stop.request()
    stopped = confirm("s", replace(resources(searched), stop=stop), top=2, seeds=2)
    assert stopped.result is None
    assert "confirmation" not in open_study("s", run_context(searched).url).study.user_attrs
    assert confirm("s", resources(searched), top=2, seeds=2).result is not None
    assert len(trials(searched, "s-confirm")) == 4


@pytest.mark.parametrize(
    "less",
    [
        {"estimator": "synthetic"},
        pytest.param({"fraction": 0.5}, marks=pytest.mark.slow),
        pytest.param({"epochs": 2}, marks=pytest.mark.slow),
        pytest.param({"image_size": 9}, marks=pytest.mark.slow),
    ],
)
def test_a_search_that_trained_less_is_confirmed_by_full_training(
    tmp_path: Path, less: dict[str, Any]
) -> None:
    search(tmp_path, **less)
    confirmed = confirm("s", resources(tmp_path), top=2, seeds=1)
    assert confirmed.result is not None
    assert confirmed.result.optimism is None
    settings = confirmed.trainings.stored.settings
    full = (settings.estimator, settings.fraction, settings.image_size)
    assert full == ("train", 1.0, None)
    assert all(r.epochs == 4 for r in trials(tmp_path, "s-confirm"))


@pytest.mark.slow
def test_other_epochs_make_another_study_of_trainings(searched: Path) -> None:
    confirmed = confirm("s", resources(searched), top=1, seeds=1, epochs=5)
    assert confirmed.result is not None
    assert confirmed.result.study == "s-confirm-epochs5"
    assert confirmed.result.optimism is None, "a training of five epochs is another candidate"
    assert trials(searched, "s-confirm-epochs5")[0].epochs == 5


@pytest.mark.slow
def test_a_zero_cost_search_is_confirmed_by_validation_accuracy(tmp_path: Path) -> None:
    search(tmp_path, estimator="synflow", objectives=("synflow",))
    confirmed = confirm("s", resources(tmp_path), top=2, seeds=1)
    assert confirmed.result is not None
    assert confirmed.result.metric == "val_accuracy"
    best = ranked(trials(tmp_path, "s"))[:2]
    assert {c.number for c in confirmed.result.candidates} == {b.number for b in best}


@pytest.mark.slow
def test_the_pareto_front_of_two_objectives_is_confirmed(tmp_path: Path) -> None:
    search(tmp_path, objectives=("parameters", "accuracy"))
    confirmed = confirm("s", resources(tmp_path), top=3, seeds=1)
    assert confirmed.result is not None
    assert confirmed.result.metric == "val_accuracy"
    records = trials(tmp_path, "s")
    numbers = {c.number for c in confirmed.result.candidates}
    for number in numbers:
        size, accuracy = records[number].objectives
        assert not any(r.objectives[0] < size and r.objectives[1] >= accuracy for r in records)
    if len(numbers) < 3:
        assert confirmed.fewer == len(numbers)


def test_the_search_value_is_an_accuracy_if_the_search_was_for_small_networks(
    tmp_path: Path,
) -> None:
    search(tmp_path, objectives=("parameters", "macs"))
    result = confirm("s", resources(tmp_path), top=1, seeds=1).result
    assert result is not None
    assert result.metric == "val_accuracy"
    seen = trials(tmp_path, "s")[result.chosen.number].metrics["val_accuracy"]
    assert result.chosen.search_value == seen
    assert result.chosen.choosing_mean == pytest.approx((seen + result.chosen.fresh_values[0]) / 2)


@pytest.mark.slow
def test_smaller_is_better_if_the_objective_is_a_loss(tmp_path: Path) -> None:
    search(tmp_path, objectives=("balanced_log_loss",))
    result = confirm("s", resources(tmp_path), top=3, seeds=2).result
    assert result is not None
    means = [c.choosing_mean for c in result.candidates]
    assert means == sorted(means)
    assert result.optimism == pytest.approx(
        result.chosen.fresh.mean - (result.chosen.search_value or 0.0)
    )
    assert "bootstrap of validation balanced log loss" in result.tests[1].method


def test_confirming_a_study_of_trainings_is_an_error(searched: Path) -> None:
    confirm("s", resources(searched), top=1, seeds=1)
    with pytest.raises(EvaluationError, match="holds the trainings of 'confirm s'; confirm 's'"):
        confirm("s-confirm", resources(searched), top=1, seeds=1)


@pytest.mark.slow
def test_another_study_of_the_same_name_is_an_error(searched: Path) -> None:
    search(searched, study="s-confirm")
    with pytest.raises(EvaluationError, match="'s-confirm' exists already and does not belong"):
        confirm("s", resources(searched), top=1, seeds=1)
    assert len(trials(searched, "s-confirm")) == 3


@pytest.mark.slow
def test_other_images_under_the_same_name_are_an_error(tmp_path: Path) -> None:
    search(tmp_path)
    confirm("s", resources(tmp_path), top=1, seeds=1)
    data = np.load(tmp_path / "tiny.npz")
    changed = {name: data[name].copy() for name in data.files}
    changed["train_images"][0] ^= 1
    np.savez_compressed(tmp_path / "tiny.npz", **changed)
    with pytest.raises(ResumeError, match="the content of 'tiny' is not what was stored"):
        confirm("s", resources(tmp_path), top=1, seeds=2)
