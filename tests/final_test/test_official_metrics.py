from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from medmnist.evaluator import getACC, getAUC
from sklearn.metrics import roc_auc_score

from study.common.errors import EvaluationError
from study.final_test.official_metrics import MULTI_CLASS, official_metrics, task_of
from study.final_test.published import PUBLISHED, against_published


@given(st.integers(0, 10_000), st.integers(2, 6))
def test_the_figures_are_those_of_medmnists_functions(seed: int, classes: int) -> None:
    rng = np.random.default_rng(seed)
    labels = np.r_[np.arange(classes), rng.integers(0, classes, 30)]
    probabilities = rng.dirichlet(np.ones(classes), size=len(labels))
    metrics = official_metrics(probabilities, labels)
    assert metrics.accuracy == getACC(labels[:, None], probabilities, MULTI_CLASS)
    assert metrics.auc == getAUC(labels[:, None], probabilities, MULTI_CLASS)


def test_a_task_of_two_classes_is_scored_by_the_second_classs_probability() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 50)
    probabilities = rng.dirichlet([1, 1], size=50)
    metrics = official_metrics(probabilities, labels, task="binary-class")
    assert metrics.accuracy == np.mean((probabilities[:, 1] > 0.5) == labels)
    assert metrics.auc == pytest.approx(roc_auc_score(labels, probabilities[:, 1]))


def test_a_class_without_test_images_is_left_out_of_the_area() -> None:
    labels = np.array([0, 0, 1, 1])
    probabilities = np.array([[0.8, 0.1, 0.1], [0.2, 0.5, 0.3], [0.1, 0.8, 0.1], [0.4, 0.4, 0.2]])
    expected = np.mean([roc_auc_score(labels == c, probabilities[:, c]) for c in (0, 1)])
    assert official_metrics(probabilities, labels).auc == pytest.approx(expected)


def test_a_single_image_is_refused() -> None:
    with pytest.raises(EvaluationError, match="1 test images"):
        official_metrics(np.ones((1, 2)) / 2, np.array([0]))


def test_the_task_of_a_set_of_medmnist_is_known_and_others_have_several_classes() -> None:
    assert task_of("breastmnist") == "binary-class"
    assert task_of("octmnist") == MULTI_CLASS
    assert task_of("my_own_file") == MULTI_CLASS


def test_published_figures_name_their_source() -> None:
    figures = PUBLISHED["octmnist", 28]
    assert len(figures) == 6
    assert all(f.source and f.accuracy and f.auc for f in figures)


def test_the_published_table_cannot_tell_resnet_18_from_automl() -> None:
    assert against_published(0.771, 0.743, 1000) == "no clear difference"
    assert against_published(0.820, 0.771, 1000) == "above"
    assert against_published(0.601, 0.743, 1000) == "below"
