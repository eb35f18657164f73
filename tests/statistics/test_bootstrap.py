from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from study.statistics.bootstrap import macro_auc, mean_of, mean_over_classes, plain, weighted_mean


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
