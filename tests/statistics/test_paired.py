"""Bands, areas and tests: against SciPy, against enumeration, and always the same."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import rankdata, wilcoxon

from study.statistics.paired import areas, band, holm, pairwise, wilcoxon_p

NUMBERS = st.floats(-5, 5).map(lambda number: round(number, 3))


def _by_enumeration(difference: np.ndarray) -> float:
    """Return the exact two-sided p-value: all signs are alike likely."""
    ranks = rankdata(np.abs(difference))
    seen = ranks[difference > 0].sum()
    sums = [
        sum(rank for rank, sign in zip(ranks, signs, strict=True) if sign)
        for signs in itertools.product((False, True), repeat=len(ranks))
    ]
    tail = min(np.mean([s <= seen for s in sums]), np.mean([s >= seen for s in sums]))
    return float(min(1.0, 2 * tail))


@settings(max_examples=40)
@given(st.lists(NUMBERS, min_size=3, max_size=8, unique_by=abs).filter(lambda d: 0 not in d))
def test_wilcoxon_is_the_enumeration_of_all_signs_and_scipys(difference: list[float]) -> None:
    array = np.array(difference)
    p_value = wilcoxon_p(array + 2, np.full(len(array), 2.0))

    assert p_value == pytest.approx(_by_enumeration(array))
    assert p_value == pytest.approx(wilcoxon(array).pvalue)


def test_pairs_that_agree_count_for_nothing() -> None:
    first = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    more = np.array([*first, 7.0, 8.0])

    assert wilcoxon_p(first, first) == 1.0
    assert wilcoxon_p(more, np.array([*(first - first / 10), 7.0, 8.0])) == wilcoxon_p(
        first, first - first / 10
    )


@pytest.mark.parametrize("size", [1e-12, 1e-6, 1.0, 1e6])
def test_the_test_is_the_same_in_every_unit(size: float) -> None:
    first = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])

    assert wilcoxon_p(size * first, size * first * 0.9) == wilcoxon_p(first, first * 0.9) < 0.05
    assert wilcoxon_p(size * first, size * first * (1 + 1e-15)) == 1.0


def test_holm_is_the_hand_computed_one() -> None:
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert holm([0.5, 0.6]) == [1.0, 1.0]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=10))
def test_holm_keeps_the_order_and_never_lowers_a_p_value(found: list[float]) -> None:
    corrected = holm(found)

    assert all(c >= p and c <= 1 for c, p in zip(corrected, found, strict=True))
    ordered = sorted(zip(found, corrected, strict=True))
    assert [c for _, c in ordered] == sorted(c for _, c in ordered)


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


def test_every_two_samplers_are_tested_and_the_surest_comes_first() -> None:
    rng = np.random.default_rng(3)
    loss = rng.random(20)
    pairs = pairwise({"a": loss, "b": loss + 0.5 + 0.1 * rng.random(20), "c": loss[::-1].copy()})

    assert {(p.first, p.second) for p in pairs} == {("a", "b"), ("a", "c"), ("b", "c")}
    assert (pairs[0].first, pairs[0].second, pairs[0].seeds) == ("a", "b", 20)
    assert pairs[0].difference < -0.5
    assert pairs[0].corrected == pytest.approx(3 * pairs[0].p_value)
