from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.common.errors import EvaluationError
from study.common.stored_form import from_stored, to_stored
from study.confirmation.judge import ImageValues, confirm_candidates, confirmation
from study.confirmation.result import Confirmation
from study.report.outcomes import confirmation_section
from study.report.terminal import render_text
from study.settings.metrics import MEASURES
from study.settings.study_settings import PlannedCandidate
from study.storage.records import TrialRecord

ACCURACY, LOSS = MEASURES["accuracy"], MEASURES["log_loss"]
APART = {"a": [0.800, 0.803, 0.801], "b": [0.780, 0.784, 0.780]}


def confirmation_text(result: Confirmation) -> str:
    return render_text(confirmation_section(result))


def _confirmed(
    searched: dict[str, float], fresh: dict[str, list[float]], **options: Any
) -> Confirmation:
    """Return the confirmation of candidates with the fresh values of the seeds 1, 2, …"""
    by_seed = {name: dict(enumerate(values, start=1)) for name, values in fresh.items()}
    measure = options.pop("measure", ACCURACY)
    return confirmation(_searched(**searched), by_seed, measure=measure, **options)


def _record(number: int, value: float, **fields: object) -> TrialRecord:
    stated: dict[str, object] = {
        "state": "complete",
        "candidate_id": f"c{number}",
        "params": {"width": number},
    } | fields
    return TrialRecord(number=number, objectives=(value,), **stated)  # type: ignore[arg-type]


def _searched(**values: float) -> list[PlannedCandidate]:
    return [
        PlannedCandidate(candidate_id=name, number=i, params={}, search_value=value)
        for i, (name, value) in enumerate(values.items())
    ]


def test_the_best_trained_candidates_are_confirmed_each_once() -> None:
    records = [
        _record(0, 0.7),
        _record(1, 0.9, state="pruned"),
        _record(2, 0.8),
        _record(3, 0.8, candidate_id="c2", reused_from=2),
        _record(4, 0.79, candidate_id="c2"),
        _record(5, 0.6),
        _record(6, 0.99, state="failed"),
    ]
    chosen = confirm_candidates(records, top=2)
    assert [(c.candidate_id, c.number, c.search_value) for c in chosen] == [
        ("c2", 2, 0.8),
        ("c0", 0, 0.7),
    ]
    assert chosen[0].params == {"width": 2}
    assert [c.number for c in confirm_candidates(records, top=2, maximise=False)] == [5, 0]


def test_a_study_without_a_complete_trial_has_nothing_to_confirm() -> None:
    with pytest.raises(EvaluationError, match="no trial of the study is complete"):
        confirm_candidates([_record(0, 0.5, state="pruned")], top=5)


def test_all_runs_choose_and_only_fresh_ones_are_reported() -> None:
    # b is ahead in fresh runs, a in the mean of all runs
    result = _confirmed({"a": 0.90, "b": 0.80}, {"a": [0.80, 0.82], "b": [0.82, 0.83]})
    assert result.chosen.candidate_id == "a"
    assert result.chosen.fresh.mean == pytest.approx(0.81)
    assert result.chosen.choosing_mean == pytest.approx(0.84)
    assert result.optimism == pytest.approx(0.09)
    assert result.chosen.fresh.std == pytest.approx(0.01 * np.sqrt(2))


def test_a_smaller_loss_is_better_and_optimism_keeps_its_sign() -> None:
    result = _confirmed({"a": 0.50, "b": 0.40}, {"a": [0.52], "b": [0.48]}, measure=LOSS)
    assert result.chosen.candidate_id == "b"
    assert result.optimism == pytest.approx(0.08)


def test_without_a_full_training_in_the_search_the_fresh_runs_alone_choose() -> None:
    guessed = [replace(candidate, search_value=None) for candidate in _searched(a=0.0, b=0.0)]
    result = confirmation(
        guessed, {"a": {1: 0.80, 2: 0.82}, "b": {1: 0.82, 2: 0.83}}, measure=ACCURACY
    )
    assert result.chosen.candidate_id == "b"
    assert result.chosen.choosing_mean == result.chosen.fresh.mean
    assert result.optimism is None
    assert "the optimism of the search is not known" in confirmation_text(result)


def test_the_first_is_distinguished_from_the_second_over_seeds() -> None:
    result = _confirmed({"a": 0.80, "b": 0.79}, APART)
    assert result.distinguishable
    assert result.seeds_needed is None
    assert "Trial 0 is significantly better than trial 1" in confirmation_text(result)


def test_both_tests_must_find_the_difference() -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(100) % 4
    hits = {
        name: {seed: (rng.random(100) < 0.8).astype(np.float64) for seed in (1, 2, 3)}
        for name in ("a", "b")
    }
    images = ImageValues(metric="accuracy", labels=labels, values=hits)
    result = _confirmed({"a": 0.80, "b": 0.79}, APART, images=images)
    assert [test.method for test in result.tests] == [
        "paired t-test over seeds",
        "paired bootstrap of accuracy over images",
    ]
    assert result.deciding_test == result.tests[1]
    assert not result.distinguishable
    assert result.seeds_needed is None, "the test over seeds found it; more seeds would not help"


def test_a_balanced_measure_is_averaged_over_classes() -> None:
    labels = np.array([0] * 90 + [1] * 10)
    first = (labels == 1).astype(float)
    images = ImageValues(
        metric="balanced accuracy",
        labels=labels,
        values={"a": {1: first}, "b": {1: np.zeros(100)}},
        average="classes",
    )
    result = _confirmed({"a": 0.9, "b": 0.8}, {"a": [0.9], "b": [0.8]}, images=images)
    assert result.tests[0].difference == pytest.approx(0.5)


def test_images_alone_do_not_distinguish_candidates() -> None:
    images = ImageValues(
        metric="accuracy",
        labels=np.arange(100) % 2,
        values={"a": {1: np.ones(100)}, "b": {1: np.zeros(100)}},
    )
    result = _confirmed({"a": 0.9, "b": 0.8}, {"a": [1.0], "b": [0.0]}, images=images)
    assert result.tests[0].favours_first
    assert not result.distinguishable
    text = confirmation_text(result)
    assert "mean over 1 fresh seed)" in text
    assert "Trial 0 cannot be distinguished from trial 1" in text
    assert "There is no test over seeds" in text


def test_no_number_of_seeds_is_stated_if_the_second_did_better() -> None:
    result = _confirmed({"a": 0.90, "b": 0.80}, {"a": [0.800, 0.806], "b": [0.805, 0.808]})
    assert result.chosen.candidate_id == "a"
    assert result.tests[0].difference < 0
    assert result.seeds_needed is None


def test_the_number_of_seeds_that_would_distinguish_two_candidates_is_stated() -> None:
    fresh = {"a": [0.800, 0.806, 0.803], "b": [0.801, 0.800, 0.802]}
    result = _confirmed({"a": 0.80, "b": 0.80}, fresh)
    assert not result.distinguishable
    assert result.seeds_needed is not None
    assert f"{result.seeds_needed} common seeds would distinguish" in confirmation_text(result)


def test_a_candidate_whose_runs_all_failed_is_left_out_and_named() -> None:
    result = _confirmed({"a": 0.9, "b": 0.8}, {"b": [0.79], "a": []})
    assert [c.candidate_id for c in result.candidates] == ["b"]
    assert result.deciding_test is None
    text = confirmation_text(result)
    assert "Left out: a (trial 0): no fresh run completed" in text
    assert "0.7900 (mean over 1 fresh seed)" in text


def test_without_any_fresh_run_there_is_nothing_to_report() -> None:
    with pytest.raises(EvaluationError, match="no candidate was trained again successfully"):
        _confirmed({"a": 0.9}, {})


@st.composite
def _confirmations(draw: st.DrawFn) -> Confirmation:
    names = draw(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=4, unique=True))
    value = st.floats(0, 1)
    searched = _searched(**{name: draw(value) for name in names})
    fresh = {
        name: draw(st.dictionaries(st.integers(0, 9), value, min_size=1, max_size=4))
        for name in names
    }
    return confirmation(searched, fresh, measure=ACCURACY, study="s / confirm")


@given(_confirmations())
def test_every_confirmation_can_be_stored_and_described(result: Confirmation) -> None:
    stored = json.loads(json.dumps(to_stored(result)))
    assert from_stored(Confirmation, stored, where="confirmation") == result
    text = confirmation_text(result)
    assert result.chosen.candidate_id in text
    assert "nan" not in text


def test_a_damaged_result_is_an_error_with_its_location() -> None:
    stored = to_stored(_confirmed({"a": 0.9}, {"a": [0.8]}))
    stored["candidates"][0]["fresh"]["mean"] = "much"
    with pytest.raises(EvaluationError, match=r"stored .*: candidates\.0\.fresh\.mean"):
        from_stored(Confirmation, stored, where="stored confirmation")


def _simulated(
    rng: np.random.Generator, *, spread: float
) -> tuple[dict[str, float], list[PlannedCandidate], Confirmation]:
    """Return the truth of 30 candidates, the five that a noisy search puts first, the result."""
    truth = {f"c{i}": float(v) for i, v in enumerate(rng.normal(0, spread, 30))}
    records = [_record(i, truth[f"c{i}"] + float(rng.normal(0, 0.3))) for i in range(30)]
    top = confirm_candidates(records, top=5)
    fresh = {
        c.candidate_id: {s: truth[c.candidate_id] + float(rng.normal(0, 0.3)) for s in range(3)}
        for c in top
    }
    return truth, top, confirmation(top, fresh, measure=ACCURACY)


def test_confirming_removes_the_optimism_and_lowers_the_regret() -> None:
    rng = np.random.default_rng(0)
    optimism, claimed, before, after = [], [], [], []
    for _ in range(300):
        truth, top, result = _simulated(rng, spread=0.3)
        best, chosen = max(truth.values()), truth[result.chosen.candidate_id]
        optimism.append((top[0].search_value or 0.0) - truth[top[0].candidate_id])
        claimed.append(result.chosen.fresh.mean - chosen)
        before.append(best - truth[top[0].candidate_id])
        after.append(best - chosen)
    assert np.mean(optimism) > 0.35  # points by which the luckiest of 30 overstates itself
    assert np.mean(claimed) < 0.4 * np.mean(optimism)
    assert np.mean(after) < 0.65 * np.mean(before)


def test_equal_candidates_are_rarely_distinguished_although_the_first_was_picked() -> None:
    rng = np.random.default_rng(1)
    distinguished = [_simulated(rng, spread=0.0)[2].distinguishable for _ in range(400)]
    assert np.mean(distinguished) <= 0.05
