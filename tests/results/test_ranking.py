from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.report.study_summary import chosen
from study.results.ranking import best, distinct, pareto_front, rank_trials
from study.settings.metrics import MEASURES, Measure
from study.storage.records import TrialRecord
from tests.report.builders import (
    duplicate,
    failed,
    full_summary,
    pruned,
    seed_trial,
    summary,
    two_objectives,
)

LOSS = summary(objectives=(MEASURES["log_loss"],))
VALUES = [seed_trial(number, value=value) for number, value in enumerate((0.7, 0.9, 0.8))]


@pytest.mark.parametrize(
    ("records", "objectives", "wanted"),
    [
        (VALUES, summary().objectives, 1),
        (VALUES, LOSS.objectives, 0),
        ([seed_trial(3, value=0.9), seed_trial(1, value=0.9)], summary().objectives, 1),
        ([pruned(0, 0.99), seed_trial(1, value=0.5)], summary().objectives, 1),
        ([seed_trial(0, value=math.nan), seed_trial(1, value=math.inf)], LOSS.objectives, None),
    ],
)
def test_the_best_is_the_first_complete_trial_with_the_best_finite_value(
    records: list[TrialRecord], objectives: Sequence[Measure], wanted: int | None
) -> None:
    found = best(records, objectives)
    assert (None if found is None else found.number) == wanted


def test_a_duplicate_follows_its_original_without_a_rank() -> None:
    records = [seed_trial(0, value=0.9), duplicate(1, 0, 0.9), seed_trial(2, value=0.8)]
    ranked = rank_trials(records, summary().objectives)
    assert [(s.record.number, s.rank) for s in ranked] == [(0, 1), (1, None), (2, 2)]


def test_a_result_reused_from_another_study_is_ranked_once() -> None:
    first = duplicate(0, "old/3", 0.9, candidate_id="same")
    again = duplicate(1, "old/3", 0.9, candidate_id="same")
    assert [record.number for record in distinct([first, again])] == [0]


def test_trials_are_ordered_by_state() -> None:
    records = [failed(0), pruned(1), seed_trial(2), replace(seed_trial(3), state="running")]
    order = [s.record.state for s in rank_trials(records, summary().objectives)]
    assert order == ["complete", "pruned", "running", "failed"]


def test_the_front_has_the_trials_that_no_other_dominates() -> None:
    points = {0: (0.9, 10.0), 1: (0.8, 5.0), 2: (0.8, 6.0), 3: (0.95, 20.0), 4: (0.7, 5.0)}
    records = [seed_trial(n, objectives=values) for n, values in points.items()]
    assert [r.number for r in pareto_front(records, two_objectives())] == [3, 0, 1]
    ranks = {s.record.number: s.rank for s in rank_trials(records, two_objectives())}
    assert ranks == {3: 1, 0: 1, 1: 1, 2: 2, 4: 2}


PAIRS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=12)


@given(pairs=PAIRS)
def test_the_front_agrees_with_its_definition(pairs: list[tuple[int, int]]) -> None:
    records = [seed_trial(n, objectives=(float(a), float(b))) for n, (a, b) in enumerate(pairs)]
    front = {r.number for r in pareto_front(records, two_objectives())}
    for number, (up, down) in enumerate(pairs):
        beaten = any(a >= up and b <= down and (a, b) != (up, down) for a, b in pairs)
        assert (number in front) == (not beaten)


def test_the_chosen_trial_is_the_confirmed_one_else_the_best() -> None:
    records = [seed_trial(3, value=0.99), seed_trial(7, value=0.8)]
    assert chosen(records, summary()) == records[0]
    assert chosen(records, full_summary()) == records[1]
    assert chosen(records[:1], full_summary()) == records[0]
