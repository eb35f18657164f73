from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from study.statistics.bootstrap import (
    bootstrap,
    bootstrap_draws,
    macro_auc,
    mean_of,
    mean_over_classes,
    plain,
    weighted_mean,
)
from study.statistics.results import Interval


def test_the_mean_over_classes_of_hits_is_sklearns_balanced_accuracy() -> None:
    rng = np.random.default_rng(0)
    labels, predicted = rng.integers(0, 4, 300), rng.integers(0, 4, 300)
    hits = (labels == predicted).astype(float)
    expected = balanced_accuracy_score(labels, predicted)
    assert plain(mean_over_classes(hits, labels), 300) == pytest.approx(expected)


@given(st.integers(0, 10_000), st.integers(2, 5), st.integers(1, 6))
def test_macro_auc_is_sklearns_with_and_without_ties(seed: int, classes: int, levels: int) -> None:
    rng = np.random.default_rng(seed)
    labels = np.r_[np.arange(classes), rng.integers(0, classes, 40)]
    scores = rng.integers(0, levels, size=(len(labels), classes)).astype(float)
    expected = np.mean([roc_auc_score(labels == c, scores[:, c]) for c in range(classes)])
    assert plain(macro_auc(scores, labels), len(labels)) == pytest.approx(expected)


@given(st.integers(0, 10_000))
def test_whole_weights_count_an_image_as_often_as_it_is_repeated(seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = np.r_[np.arange(3), rng.integers(0, 3, 30)]
    scores = rng.integers(0, 5, size=(33, 3)).astype(float)
    counts = rng.integers(1, 4, size=33)
    weighted = macro_auc(scores, labels)(counts[None].astype(float))[0]
    repeated = plain(macro_auc(scores.repeat(counts, axis=0), labels.repeat(counts)), counts.sum())
    assert weighted == pytest.approx(repeated)


def test_a_class_without_images_is_left_out_of_the_area() -> None:
    labels = np.array([0, 0, 1, 1])
    scores = np.array([[2.0, 1, 9], [1, 0, 9], [0, 2, 0], [0, 1, 0]])
    expected = np.mean([roc_auc_score(labels == c, scores[:, c]) for c in (0, 1)])
    assert plain(macro_auc(scores, labels), 4) == pytest.approx(expected)


def test_the_mean_of_statistics_is_taken_resample_by_resample() -> None:
    both = mean_of([weighted_mean(np.array([1.0, 0.0])), weighted_mean(np.array([0.0, 0.0]))])
    assert both(np.array([[2.0, 0.0], [1.0, 1.0]])).tolist() == [0.5, 0.25]


def test_the_bootstrap_of_accuracy_has_the_standard_error_of_theory() -> None:
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


@pytest.mark.slow
@pytest.mark.parametrize("measure", ["accuracy", "balanced", "auc"])
def test_the_bootstrap_covers_the_true_value_about_as_often_as_stated(measure: str) -> None:
    rng = np.random.default_rng(11)

    def interval_and_value(n: int, seed: int) -> tuple[Interval | None, float]:
        scores, labels = _simulated(rng, n)
        hits = (scores.argmax(axis=1) == labels).astype(float)
        statistic = {
            "accuracy": weighted_mean(hits),
            "balanced": mean_over_classes(hits, labels),
            "auc": macro_auc(scores, labels),
        }[measure]
        return bootstrap(statistic, labels, seed=seed, resamples=300), plain(statistic, n)

    truth = interval_and_value(60_000, 0)[1]
    covered = []
    for seed in range(250):
        interval, _ = interval_and_value(150, seed)
        covered.append(interval is not None and interval.covers(truth))
    assert np.mean(covered) == pytest.approx(0.94, abs=0.035)
