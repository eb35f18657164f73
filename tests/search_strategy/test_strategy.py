from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.search_strategy.strategy import (
    IncrementalState,
    Observation,
    merit,
    rank_quantile,
    rank_quantiles,
)
from tests.search_strategy.landscapes import complete

Outcome = Literal["complete", "pruned", "failed"]
OUTCOMES: tuple[Outcome, ...] = ("complete", "pruned", "failed")


@st.composite
def observation(draw: st.DrawFn) -> Observation:
    outcome: Outcome = draw(st.sampled_from(OUTCOMES))
    score = draw(st.integers(-8, 8)) / 4
    return Observation(
        number=draw(st.integers(0, 99)),
        values={},
        outcome=outcome,
        scores=() if outcome == "failed" else (score,),
        step=draw(st.integers(1, 3)),
    )


histories = st.lists(observation(), min_size=1, max_size=30)


@given(histories)
def test_rewards_are_the_same_under_every_increasing_transformation(
    observations: list[Observation],
) -> None:
    transformed = [
        replace(o, scores=tuple(5 * s**3 + s - 7 for s in o.scores)) for o in observations
    ]
    assert rank_quantiles(observations) == rank_quantiles(transformed)


@given(histories)
def test_complete_are_above_pruned_by_step_and_score_and_pruned_above_failed(
    observations: list[Observation],
) -> None:
    ranked = sorted(observations, key=merit)
    order = [o.outcome for o in ranked]
    assert order == sorted(order, key=["failed", "pruned", "complete"].index)
    pruned = [o for o in ranked if o.outcome == "pruned"]
    assert pruned == sorted(pruned, key=lambda o: (o.step, o.scores))


@given(histories)
def test_a_quantile_is_the_share_of_the_others_that_are_worse(
    observations: list[Observation],
) -> None:
    *before, newest = map(merit, observations)
    quantile = rank_quantile(newest, sorted([*before, newest]))
    shares = [(key < newest) + (key == newest) / 2 for key in before]
    assert quantile == pytest.approx(sum(shares) / len(before) if before else 0.5)


@given(histories)
def test_quantiles_rise_with_merit_from_0_to_1(observations: list[Observation]) -> None:
    quantiles = rank_quantiles(observations)
    pairs = sorted(zip(map(merit, observations), quantiles, strict=True))
    assert all(0.0 <= q <= 1.0 for q in quantiles)
    assert [q for _, q in pairs] == sorted(quantiles)
    assert sum(quantiles) == pytest.approx(len(observations) / 2)


def trials(numbers: Iterable[int]) -> list[Observation]:
    return [complete(number, {"x": number}, 1.0) for number in numbers]


def incremental(calls: list[int]) -> IncrementalState[list[int]]:
    def step(numbers: list[int], observation: Observation) -> None:
        calls.append(observation.number)
        numbers.append(observation.number)

    return IncrementalState(start=list, step=step, copy=list)


@given(st.lists(st.lists(st.integers(0, 90), unique=True).map(sorted), max_size=6))
def test_any_sequence_of_histories_gives_the_state_from_the_start(
    histories: list[list[int]],
) -> None:
    state = incremental([])
    for numbers in histories:
        assert state.over(trials(numbers)) == numbers


def test_a_longer_history_costs_only_the_new_steps() -> None:
    calls: list[int] = []
    state = incremental(calls)
    for length in range(200):
        state.over(trials(range(length)))
    assert len(calls) == 199


def test_a_late_trial_costs_a_few_steps_again_and_not_all() -> None:
    calls: list[int] = []
    state = incremental(calls)
    state.over(trials(n for n in range(200) if n != 197))
    calls.clear()
    state.over(trials(range(200)))
    assert len(calls) <= 17
