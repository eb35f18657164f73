from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix as sklearn_confusion
from sklearn.metrics import precision_score, recall_score

from study.statistics.classification import (
    balanced_accuracy,
    confusion_matrix,
    expected_calibration_error,
    precisions,
    recalls,
    reliability,
)


def test_the_calibration_error_of_a_case_worked_by_hand() -> None:
    # confidences .9 (right), .9 (wrong), .6 (right), .6 (right)
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6], [0.4, 0.6]])
    labels = np.array([0, 1, 1, 1])
    bins = reliability(probabilities, labels, bins=10)
    assert [b.images for b in bins] == [2, 2]
    # 2/4 · |.5 - .9| + 2/4 · |1 - .6|
    assert expected_calibration_error(bins) == pytest.approx(0.4)


def test_a_network_that_is_always_sure_and_right_is_calibrated() -> None:
    bins = reliability(np.eye(3), np.arange(3))
    assert bins[-1].images == 3
    assert expected_calibration_error(bins) == 0


def test_honest_probabilities_have_a_small_error_and_boasting_ones_a_large() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(20_000, 4)) * 1.5
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = (probabilities.cumsum(axis=1) < rng.random((20_000, 1))).sum(axis=1)
    boasting = probabilities**3 / (probabilities**3).sum(axis=1, keepdims=True)
    assert expected_calibration_error(reliability(probabilities, labels)) < 0.02
    assert expected_calibration_error(reliability(boasting, labels)) > 0.15


@given(st.integers(0, 10_000), st.integers(2, 6), st.integers(1, 60), st.integers(1, 20))
def test_every_image_is_in_the_bin_of_its_confidence(
    seed: int, classes: int, n: int, bins: int
) -> None:
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.ones(classes), size=n)
    labels = rng.integers(0, classes, size=n)
    found = reliability(probabilities, labels, bins=bins)
    assert sum(b.images for b in found) == n
    for b in found:
        assert b.low - 1e-12 <= b.confidence <= b.high + 1e-12
    assert 0 <= expected_calibration_error(found) <= 1


def test_confusion_recall_and_precision_are_sklearns() -> None:
    rng = np.random.default_rng(0)
    labels, predicted = rng.integers(0, 4, 200), rng.integers(0, 4, 200)
    confusion = confusion_matrix(labels, predicted, 4)
    assert np.array_equal(confusion, sklearn_confusion(labels, predicted))
    assert recalls(confusion) == pytest.approx(recall_score(labels, predicted, average=None))
    assert precisions(confusion) == pytest.approx(precision_score(labels, predicted, average=None))


def test_what_is_not_defined_is_not_a_number_and_left_out_of_the_mean() -> None:
    confusion = confusion_matrix(np.array([0, 0, 1]), np.array([0, 0, 0]), 3)
    assert np.isnan(recalls(confusion)[2])
    assert np.isnan(precisions(confusion)[1])
    assert balanced_accuracy(confusion) == 0.5
