from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from medmnist.evaluator import getACC, getAUC
from sklearn.metrics import confusion_matrix as sklearn_confusion
from sklearn.metrics import precision_score, recall_score, roc_auc_score

from study.common.errors import EvaluationError
from study.final_test.metrics import (
    MULTI_CLASS,
    balanced_accuracy,
    confusion_matrix,
    expected_calibration_error,
    official_metrics,
    precisions,
    recalls,
    reliability,
    task_of,
)


@given(st.integers(0, 10_000), st.integers(2, 6))
def test_the_figures_are_those_of_medmnists_functions(seed: int, classes: int) -> None:
    rng = np.random.default_rng(seed)
    labels = np.r_[np.arange(classes), rng.integers(0, classes, 30)]
    probabilities = rng.dirichlet(np.ones(classes), size=len(labels))
    assert official_metrics(probabilities, labels) == (
        getACC(labels[:, None], probabilities, MULTI_CLASS),
        getAUC(labels[:, None], probabilities, MULTI_CLASS),
    )


def test_a_task_of_two_classes_is_scored_by_the_second_classs_probability() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 50)
    probabilities = rng.dirichlet([1, 1], size=50)
    accuracy, auc = official_metrics(probabilities, labels, task="binary-class")
    assert accuracy == np.mean((probabilities[:, 1] > 0.5) == labels)
    assert auc == pytest.approx(roc_auc_score(labels, probabilities[:, 1]))


def test_a_class_without_test_images_is_left_out_of_the_area() -> None:
    labels = np.array([0, 0, 1, 1])
    probabilities = np.array([[0.8, 0.1, 0.1], [0.2, 0.5, 0.3], [0.1, 0.8, 0.1], [0.4, 0.4, 0.2]])
    expected = np.mean([roc_auc_score(labels == c, probabilities[:, c]) for c in (0, 1)])
    assert official_metrics(probabilities, labels)[1] == pytest.approx(expected)


def test_a_single_image_is_an_error() -> None:
    with pytest.raises(EvaluationError, match="1 test images"):
        official_metrics(np.ones((1, 2)) / 2, np.array([0]))


def test_the_task_of_a_set_of_medmnist_is_known_and_others_have_several_classes() -> None:
    assert task_of("breastmnist") == "binary-class"
    assert task_of("octmnist") == MULTI_CLASS
    assert task_of("my_own_file") == MULTI_CLASS


def test_the_calibration_error_of_a_case_worked_by_hand() -> None:
    # confidences .9 (right), .9 (wrong), .6 (right), .6 (right)
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6], [0.4, 0.6]])
    labels = np.array([0, 1, 1, 1])
    bins = reliability(probabilities, labels, bins=10)
    assert [b.images for b in bins] == [2, 2]
    # 2/4 · |.5 - .9| + 2/4 · |1 - .6|
    assert expected_calibration_error(bins) == pytest.approx(0.4)


def test_a_network_that_is_always_certain_and_right_is_calibrated() -> None:
    bins = reliability(np.eye(3), np.arange(3))
    assert bins[-1].images == 3
    assert expected_calibration_error(bins) == 0


def test_overconfident_probabilities_have_a_larger_calibration_error_than_true_ones() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(20_000, 4)) * 1.5
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = (probabilities.cumsum(axis=1) < rng.random((20_000, 1))).sum(axis=1)
    overconfident = probabilities**3 / (probabilities**3).sum(axis=1, keepdims=True)
    assert expected_calibration_error(reliability(probabilities, labels)) < 0.02
    assert expected_calibration_error(reliability(overconfident, labels)) > 0.15


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


def test_undefined_shares_are_nan_and_left_out_of_the_mean() -> None:
    confusion = confusion_matrix(np.array([0, 0, 1]), np.array([0, 0, 0]), 3)
    assert np.isnan(recalls(confusion)[2])
    assert np.isnan(precisions(confusion)[1])
    assert balanced_accuracy(confusion) == 0.5
