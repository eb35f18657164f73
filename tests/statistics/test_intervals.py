from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from study.statistics.intervals import next_value_interval, t_interval, wilson, within_range
from study.statistics.results import Interval


@pytest.mark.parametrize(("hits", "low", "high"), [(743, 0.715, 0.769), (771, 0.744, 0.796)])
def test_wilson_gives_the_known_intervals_of_published_accuracies(
    hits: int, low: float, high: float
) -> None:
    interval = wilson(hits, 1000)
    assert (round(interval.low, 3), round(interval.high, 3)) == (low, high)


@given(st.integers(1, 3000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_lies_within_0_and_1_and_covers_the_share(case: tuple[int, int]) -> None:
    hits, images = case
    interval = wilson(hits, images)
    assert 0 <= interval.low <= interval.high <= 1
    assert interval.low <= hits / images + 1e-12
    assert interval.high >= hits / images - 1e-12


def test_wilson_covers_the_true_share_as_often_as_stated() -> None:
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


def test_intervals_of_five_seeds_cover_the_mean_and_a_further_run_as_often_as_stated() -> None:
    runs = np.random.default_rng(3).normal(0.76, 0.002, size=(1500, 6))
    of_mean = [t_interval(list(run[:5])) for run in runs]
    of_next = [next_value_interval(list(run[:5])) for run in runs]
    assert np.mean([i is not None and i.covers(0.76) for i in of_mean]) == pytest.approx(
        0.95, abs=0.02
    )
    covered = [i is not None and i.covers(run[5]) for i, run in zip(of_next, runs, strict=True)]
    assert np.mean(covered) == pytest.approx(0.95, abs=0.02)


def test_a_share_stays_a_share_and_a_loss_has_no_upper_bound() -> None:
    wide = Interval(low=-0.2, high=1.3)
    assert within_range(wide, "val_accuracy") == Interval(low=0.0, high=1.0)
    assert within_range(wide, "val_balanced_log_loss") == Interval(low=0.0, high=1.3)
    assert within_range(None, "val_auc") is None
