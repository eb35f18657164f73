from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from study.statistics.bootstrap import (
    bootstrap,
    bootstrap_draws,
    macro_auc,
    mean_over_classes,
    weighted_mean,
)
from study.statistics.intervals import next_value_interval, t_interval, wilson, within_range
from study.statistics.results import Interval


def test_wilson_gives_the_known_intervals_of_published_accuracies() -> None:
    low = wilson(743, 1000)
    high = wilson(771, 1000)
    assert (round(low.low, 3), round(low.high, 3)) == (0.715, 0.769)
    assert (round(high.low, 3), round(high.high, 3)) == (0.744, 0.796)


def test_wilson_agrees_with_the_formula_written_out() -> None:
    n, hits, z = 94, 71, stats.norm.ppf(0.975)
    p = hits / n
    centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    interval = wilson(hits, n)
    assert interval.low == pytest.approx(centre - half)
    assert interval.high == pytest.approx(centre + half)


@given(st.integers(1, 3000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_lies_within_0_and_1_and_covers_the_share(case: tuple[int, int]) -> None:
    hits, images = case
    interval = wilson(hits, images)
    assert 0 <= interval.low <= interval.high <= 1
    assert interval.low <= hits / images + 1e-12
    assert interval.high >= hits / images - 1e-12


def test_wilson_covers_the_true_share_as_often_as_it_says() -> None:
    n, p = 200, 0.77
    hits = np.random.default_rng(1).binomial(n, p, size=4000)
    by_hits = {int(h): wilson(int(h), n).covers(p) for h in np.unique(hits)}
    assert np.mean([by_hits[int(h)] for h in hits]) == pytest.approx(0.95, abs=0.015)


def test_t_interval_agrees_with_scipy_and_needs_two_values() -> None:
    values = [0.741, 0.752, 0.760, 0.748, 0.755]
    expected = stats.t.interval(0.95, 4, loc=np.mean(values), scale=stats.sem(values))
    interval = t_interval(values)
    assert interval is not None
    assert (interval.low, interval.high) == pytest.approx(expected)
    assert t_interval([0.7]) is None
    assert t_interval([]) is None


def test_t_interval_of_five_seeds_covers_the_true_mean_as_often_as_it_says() -> None:
    runs = np.random.default_rng(2).normal(0.76, 0.002, size=(1500, 5))
    intervals = [t_interval(list(run)) for run in runs]
    assert np.mean([i is not None and i.covers(0.76) for i in intervals]) == pytest.approx(
        0.95, abs=0.02
    )


def test_the_interval_of_a_further_run_covers_a_further_run_as_often_as_it_says() -> None:
    runs = np.random.default_rng(3).normal(0.76, 0.002, size=(1500, 6))
    intervals = [next_value_interval(list(run[:5])) for run in runs]
    covered = [i is not None and i.covers(run[5]) for i, run in zip(intervals, runs, strict=True)]
    assert np.mean(covered) == pytest.approx(0.95, abs=0.02)


def test_the_bootstrap_of_accuracy_is_as_wide_as_theory_says() -> None:
    labels = np.repeat(np.arange(4), 250)
    hits = np.zeros(1000)
    for label, recall in enumerate((0.95, 0.8, 0.5, 0.9)):
        hits[label * 250 : label * 250 + int(250 * recall)] = 1
    draws = bootstrap_draws(weighted_mean(hits), labels, seed=0, resamples=4000)
    recalls = np.array([0.948, 0.8, 0.5, 0.9])  # int(237.5) of 250
    expected = np.sqrt(np.sum(recalls * (1 - recalls) / 250)) / 4
    assert draws.std() == pytest.approx(expected, rel=0.05)
    assert draws.mean() == pytest.approx(hits.mean(), abs=0.001)


def test_the_bootstrap_is_a_function_of_its_seed() -> None:
    labels = np.arange(60) % 3
    statistic = weighted_mean((np.arange(60) % 5 == 0).astype(float))
    first = bootstrap(statistic, labels, seed=7, resamples=100)
    assert first == bootstrap(statistic, labels, seed=7, resamples=100)
    assert first != bootstrap(statistic, labels, seed=8, resamples=100)


def test_the_bootstrap_keeps_the_number_of_images_of_each_class() -> None:
    labels = np.array([0] * 30 + [1] * 5 + [2])
    of_class = [
        bootstrap_draws(weighted_mean((labels == c).astype(float)), labels, seed=0, resamples=50)
        for c in range(3)
    ]
    assert [set(np.round(draws * 36)) for draws in of_class] == [{30.0}, {5.0}, {1.0}]


def test_a_large_part_is_resampled_in_blocks_with_the_same_number_of_draws() -> None:
    labels = np.arange(9000) % 4
    draws = bootstrap_draws(weighted_mean(np.ones(9000)), labels, seed=0, resamples=600)
    assert draws.shape == (600,)
    assert np.all(draws == 1)


def test_a_statistic_that_is_never_defined_has_no_interval() -> None:
    labels = np.zeros(10, dtype=np.int64)
    scores = np.zeros((10, 2))
    assert bootstrap(macro_auc(scores, labels), labels, seed=0, resamples=20) is None


def _simulated(rng: np.random.Generator, n: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    labels = np.repeat(np.arange(3), n // 3)
    scores = rng.normal(size=(n, 3))
    scores[np.arange(n), labels] += 1.2
    return scores, labels


@pytest.mark.parametrize("measure", ["accuracy", "balanced", "auc"])
def test_the_bootstrap_covers_the_true_value_about_as_often_as_it_says(measure: str) -> None:
    rng = np.random.default_rng(11)

    def interval_and_value(n: int, seed: int) -> tuple[Interval | None, float]:
        scores, labels = _simulated(rng, n)
        hits = (scores.argmax(axis=1) == labels).astype(float)
        statistic = {
            "accuracy": weighted_mean(hits),
            "balanced": mean_over_classes(hits, labels),
            "auc": macro_auc(scores, labels),
        }[measure]
        value = float(statistic(np.ones((1, n)))[0])
        return bootstrap(statistic, labels, seed=seed, resamples=300), value

    truth = interval_and_value(60_000, 0)[1]
    covered = []
    for seed in range(250):
        interval, _ = interval_and_value(150, seed)
        covered.append(interval is not None and interval.covers(truth))
    assert np.mean(covered) == pytest.approx(0.94, abs=0.035)


def test_a_share_stays_a_share_and_a_loss_has_no_upper_bound() -> None:
    wide = Interval(low=-0.2, high=1.3)
    assert within_range(wide, "val_accuracy") == Interval(low=0.0, high=1.0)
    assert within_range(wide, "val_balanced_log_loss") == Interval(low=0.0, high=1.3)
    assert within_range(None, "val_auc") is None
