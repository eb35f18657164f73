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
    band,
    kendall,
    random_regret,
    regret,
    resamples,
    spearman,
)


def test_bands_hold_the_mean_and_come_out_the_same_each_time() -> None:
    curves = np.random.default_rng(1).random((12, 30))
    first, again = band(curves), band(curves.copy())

    assert (first.low == again.low).all()
    assert (first.high == again.high).all()
    assert (first.low < first.mean).all()
    assert (first.mean < first.high).all()
    one = band(curves[:1])
    assert (one.low == one.mean).all()


def test_bands_are_as_wide_as_the_standard_error_says() -> None:
    curves = np.random.default_rng(2).normal(size=(400, 1))
    found = band(curves)

    width = float((found.high - found.low)[0])
    assert width == pytest.approx(2 * 1.96 * curves.std() / 20, rel=0.1)


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
