from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from study.statistics.bootstrap import weighted_mean
from study.statistics.significance import (
    holm,
    paired_bootstrap,
    paired_t,
    pairwise,
    seeds_to_resolve,
    smallest_paired_difference,
    smallest_unpaired_difference,
    wilcoxon_p,
)


def test_paired_t_agrees_with_scipy_on_the_common_seeds_only() -> None:
    first = {1: 0.761, 2: 0.755, 3: 0.768, 9: 0.1}
    second = {1: 0.752, 2: 0.751, 3: 0.757, 8: 0.9}
    test = paired_t(first, second)
    expected = stats.ttest_rel([0.761, 0.755, 0.768], [0.752, 0.751, 0.757])
    assert test is not None
    assert test.pairs == 3
    assert test.p_value == pytest.approx(expected.pvalue)
    interval = expected.confidence_interval()
    assert test.interval is not None
    assert (test.interval.low, test.interval.high) == pytest.approx((interval.low, interval.high))
    assert paired_t({1: 0.5, 2: 0.5}, {2: 0.6, 3: 0.6}) is None


def test_equal_differences_fall_back_to_the_sign_test() -> None:
    ahead = paired_t({s: 0.8 + s for s in range(6)}, {s: 0.7 + s for s in range(6)})
    level = paired_t({s: 0.5 + s for s in range(6)}, {s: 0.5 + s for s in range(6)})
    assert ahead is not None
    assert ahead.p_value == 2.0**-5
    assert level is not None
    assert (level.p_value, level.difference) == (1.0, 0.0)


def test_the_paired_bootstrap_agrees_with_the_normal_approximation() -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(1000) % 4
    difference = rng.choice([-1.0, 0.0, 1.0], p=[0.06, 0.84, 0.10], size=1000)
    test = paired_bootstrap(weighted_mean(difference), labels, metric="accuracy", seed=0)
    z = difference.mean() / (difference.std() / np.sqrt(1000))
    assert test.p_value == pytest.approx(2 * stats.norm.sf(abs(z)), abs=0.01)
    assert test.difference == pytest.approx(difference.mean())


def test_the_p_value_of_the_bootstrap_is_never_zero() -> None:
    labels = np.zeros(50, dtype=np.int64)
    test = paired_bootstrap(
        weighted_mean(np.ones(50)), labels, metric="accuracy", seed=0, resamples=199
    )
    assert test.p_value == pytest.approx(0.01)


@pytest.mark.parametrize(("discordance", "points"), [(0.10, 2.8), (0.15, 3.4), (0.20, 4.0)])
def test_a_thousand_images_resolve_the_known_differences(
    discordance: float, points: float
) -> None:
    found = smallest_paired_difference(1000, discordance=discordance)
    assert 100 * found == pytest.approx(points, abs=0.05)


def test_the_smallest_paired_difference_is_found_with_the_promised_power() -> None:
    n, discordance = 1000, 0.15
    difference = smallest_paired_difference(n, discordance=discordance)
    rng = np.random.default_rng(0)
    better, worse = (discordance + difference) / 2, (discordance - difference) / 2
    outcomes = rng.multinomial(n, [better, worse, 1 - discordance], size=2000)
    p = [stats.binomtest(int(b), int(b + w)).pvalue for b, w, _ in outcomes]
    assert np.mean(np.array(p) < 0.05) == pytest.approx(0.8, abs=0.04)


def test_published_accuracies_are_resolved_more_coarsely() -> None:
    assert 100 * smallest_unpaired_difference(1000, accuracy=0.76) == pytest.approx(5.35, abs=0.02)


def test_the_seeds_needed_for_a_paired_test_reach_the_power() -> None:
    seeds = seeds_to_resolve(0.003, 0.002)
    assert seeds is not None
    rng = np.random.default_rng(0)
    power = {
        n: np.mean(stats.ttest_1samp(rng.normal(0.003, 0.002, (4000, n)), 0, axis=1).pvalue < 0.05)
        for n in (seeds - 1, seeds)
    }
    assert power[seeds] == pytest.approx(0.82, abs=0.04)
    assert power[seeds - 1] < 0.8


def test_no_number_of_seeds_resolves_no_difference() -> None:
    assert seeds_to_resolve(0.0, 0.002) is None
    assert seeds_to_resolve(1e-6, 0.01) is None


def test_equal_differences_need_the_seeds_that_the_sign_test_needs() -> None:
    equal = {seed: 0.01 for seed in range(9)}
    none = {seed: 0.0 for seed in range(9)}
    needed = seeds_to_resolve(0.01, 1e-17)
    assert needed == 6
    for seeds, apart in ((needed - 1, False), (needed, True)):
        test = paired_t({s: equal[s] for s in range(seeds)}, none)
        assert test is not None
        assert test.favours_first is apart


@given(st.integers(0, 1000))
def test_swapping_the_two_candidates_swaps_the_sign_and_keeps_p(seed: int) -> None:
    rng = np.random.default_rng(seed)
    first = {s: float(v) for s, v in enumerate(rng.normal(size=4))}
    second = {s: float(v) for s, v in enumerate(rng.normal(size=4))}
    ahead, behind = paired_t(first, second), paired_t(second, first)
    assert ahead is not None
    assert behind is not None
    assert ahead.difference == pytest.approx(-behind.difference)
    assert ahead.p_value == pytest.approx(behind.p_value)


NUMBERS = st.floats(-5, 5).map(lambda number: round(number, 3))


def _by_enumeration(difference: np.ndarray) -> float:
    """Return the exact two-sided p-value: all signs have the same probability."""
    ranks = stats.rankdata(np.abs(difference))
    seen = ranks[difference > 0].sum()
    sums = [
        sum(rank for rank, sign in zip(ranks, signs, strict=True) if sign)
        for signs in itertools.product((False, True), repeat=len(ranks))
    ]
    tail = min(np.mean([s <= seen for s in sums]), np.mean([s >= seen for s in sums]))
    return float(min(1.0, 2 * tail))


@given(st.lists(NUMBERS, min_size=3, max_size=8, unique_by=abs).filter(lambda d: 0 not in d))
def test_wilcoxon_is_the_enumeration_of_all_signs_and_scipys(difference: list[float]) -> None:
    array = np.array(difference)
    p_value = wilcoxon_p(array + 2, np.full(len(array), 2.0))

    assert p_value == pytest.approx(_by_enumeration(array))
    assert p_value == pytest.approx(stats.wilcoxon(array).pvalue)


@pytest.mark.parametrize("size", [1e-12, 1e-6, 1.0, 1e6])
def test_wilcoxon_is_the_same_in_every_unit_and_ignores_equal_pairs(size: float) -> None:
    first, equal = np.arange(1.0, 7.0), np.array([7.0, 8.0])
    p_value = wilcoxon_p(first, first * 0.9)

    assert p_value < 0.05
    assert wilcoxon_p(size * first, size * first * 0.9) == p_value
    assert wilcoxon_p(np.r_[first, equal], np.r_[first * 0.9, equal]) == p_value
    assert wilcoxon_p(size * first, size * first * (1 + 1e-15)) == 1.0


def test_holm_is_the_hand_computed_one() -> None:
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert holm([0.5, 0.6]) == [1.0, 1.0]
    assert holm([]) == []


def test_every_two_samplers_are_tested_and_the_smallest_p_value_comes_first() -> None:
    rng = np.random.default_rng(3)
    loss = rng.random(20)
    pairs = pairwise({"a": loss, "b": loss + 0.5 + 0.1 * rng.random(20), "c": loss[::-1].copy()})

    assert {(p.first, p.second) for p in pairs} == {("a", "b"), ("a", "c"), ("b", "c")}
    assert (pairs[0].first, pairs[0].second, pairs[0].seeds) == ("a", "b", 20)
    assert pairs[0].difference < -0.5
    assert pairs[0].corrected == pytest.approx(3 * pairs[0].p_value)
