from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import kendalltau, spearmanr

from study.statistics.ranks import (
    Array,
    areas,
    front_ranks,
    kendall,
    mean_curve,
    random_regret,
    regret,
    resamples,
    spearman,
)


def test_a_mean_curve_lies_in_an_interval_as_wide_as_the_standard_error() -> None:
    curves = np.random.default_rng(2).normal(size=(400, 3))
    found = mean_curve(curves)

    assert found == mean_curve(curves.copy())
    assert found.mean == tuple(curves.mean(axis=0))
    for low, mean, high, column in zip(found.low, found.mean, found.high, curves.T, strict=True):
        assert low < mean < high
        assert high - low == pytest.approx(2 * 1.96 * column.std() / 20, rel=0.1)
    one = mean_curve(curves[:1])
    assert one.low == one.mean


def test_areas_are_mean_losses() -> None:
    assert areas(np.array([[1.0, 0.5, 0.0], [2.0, 2.0, 2.0]])).tolist() == [0.5, 2.0]


small_numbers = st.integers(-3, 3).map(float)


@st.composite
def two_columns(draw: st.DrawFn) -> tuple[Array, Array, Array]:
    n = draw(st.integers(4, 12))
    x, y = (draw(arrays(float, n, elements=small_numbers)) for _ in range(2))
    return x, y, draw(arrays(float, (1, n), elements=st.integers(0, 3).map(float)))


@given(two_columns())
def test_coefficients_of_a_resample_are_those_of_its_repeated_candidates(
    columns: tuple[Array, Array, Array],
) -> None:
    x, y, weights = columns
    times = weights[0].astype(int)
    drawn_x, drawn_y = np.repeat(x, times), np.repeat(y, times)
    if len(set(drawn_x)) < 2 or len(set(drawn_y)) < 2:
        assert np.isnan(kendall(x, y, weights)).all()
        assert np.isnan(spearman(x, y, weights)).all()
        return
    assert kendall(x, y, weights)[0] == pytest.approx(kendalltau(drawn_x, drawn_y).statistic)
    assert spearman(x, y, weights)[0] == pytest.approx(spearmanr(drawn_x, drawn_y).statistic)


def test_a_resample_draws_as_many_as_there_are() -> None:
    drawn = resamples(30, count=200, seed=1)
    assert drawn.shape == (200, 30)
    assert (drawn.sum(axis=1) == 30).all()
    assert (drawn == resamples(30, count=200, seed=1)).all()


def test_regret_is_averaged_over_the_order_of_equal_scores() -> None:
    judges = [np.array([0.9, 0.5, 0.1])]
    assert regret(np.array([0.0, 1.0, 0.0]), judges, picks=1, seed=0) == pytest.approx(0.4)
    assert regret(np.array([0.0, 1.0, 0.0]), judges, picks=2, seed=0) == pytest.approx(
        0.2, abs=0.08
    )
    assert regret(np.array([3.0, 2.0, 1.0]), judges, picks=1, seed=0) == 0.0


def test_random_regret_is_the_expectation_over_all_picks() -> None:
    judge_values = np.array([0.1, 0.5, 0.9])
    assert random_regret(judge_values, 1) == pytest.approx(0.4)
    assert random_regret(judge_values, 2) == pytest.approx((0 + 0 + 0.4) / 3)
    assert random_regret(judge_values, 3) == 0.0


def test_ranks_by_dominance_of_a_case_worked_by_hand() -> None:
    scores = [[1, 5], [3, 3], [5, 1], [2, 2], [1, 1], [3, 3]]
    assert front_ranks(scores).tolist() == [1, 1, 1, 2, 3, 1]
    assert front_ranks([]).tolist() == []


@given(arrays(float, st.tuples(st.integers(1, 12), st.integers(1, 3)), elements=st.integers(0, 4)))
def test_each_point_is_dominated_from_the_front_before_and_by_none_of_its_own(
    scores: np.ndarray,
) -> None:
    ranks = front_ranks(scores)

    def dominates(a: int, b: int) -> bool:
        return bool((scores[a] >= scores[b]).all() and (scores[a] > scores[b]).any())

    for b in range(len(scores)):
        above = [a for a in range(len(scores)) if dominates(a, b)]
        assert ranks[b] == max((ranks[a] + 1 for a in above), default=1)
