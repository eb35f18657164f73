from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.search_strategy.strategy import (
    Observation,
    merit,
    rank_quantile,
    rank_quantiles,
)

Outcome = Literal["complete", "pruned", "failed"]
OUTCOMES: tuple[Outcome, ...] = ("complete", "pruned", "failed")
outcomes = st.sampled_from(OUTCOMES)
scores = st.integers(-8, 8).map(lambda n: n / 4)


@st.composite
def observation(draw: st.DrawFn) -> Observation:
    outcome = draw(outcomes)
    return Observation(
        number=draw(st.integers(0, 99)),
        values={},
        outcome=outcome,
        scores=() if outcome == "failed" else (draw(scores),),
        step=draw(st.integers(1, 3)),
    )


histories = st.lists(observation(), min_size=1, max_size=30)


def transformed(observations: Sequence[Observation]) -> list[Observation]:
    """Return the same trials with every score under an increasing transformation."""
    return [replace(o, scores=tuple(5 * s**3 + s - 7 for s in o.scores)) for o in observations]


@given(histories)
def test_rewards_are_the_same_under_every_increasing_transformation(
    observations: list[Observation],
) -> None:
    assert rank_quantiles(observations) == rank_quantiles(transformed(observations))


@given(histories)
def test_complete_stand_above_pruned_and_pruned_above_failed(
    observations: list[Observation],
) -> None:
    order = [o.outcome for o in sorted(observations, key=merit)]
    assert order == sorted(order, key=["failed", "pruned", "complete"].index)


@given(histories)
def test_pruned_trials_are_ranked_among_those_of_the_same_step(
    observations: list[Observation],
) -> None:
    pruned = sorted((o for o in observations if o.outcome == "pruned"), key=merit)
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
