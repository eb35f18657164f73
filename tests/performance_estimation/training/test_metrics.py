"""Tests of study/performance_estimation/training/metrics.py against two other implementations."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    confusion_matrix,
    log_loss,
    roc_auc_score,
)
from torch import Tensor

from study.performance_estimation.training.metrics import METRICS, confusion, metrics


def scores_and_labels(seed: int, n: int, classes: int, levels: int) -> tuple[Tensor, Tensor]:
    """Return scores of few levels, so that there are ties, and labels of every class."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.cat([torch.arange(classes), torch.randint(classes, (n,), generator=generator)])
    scores = torch.randint(levels, (len(labels), classes), generator=generator) / levels
    return scores + torch.nn.functional.one_hot(labels, classes), labels


cases = st.builds(
    scores_and_labels,
    seed=st.integers(0, 2**40),
    n=st.integers(1, 60),
    classes=st.integers(2, 6),
    levels=st.sampled_from([2, 5, 1000]),
)


@given(case=cases)
def test_metrics_are_those_of_scikit_learn(case: tuple[Tensor, Tensor]) -> None:
    scores, labels = case
    found = metrics(scores, labels)
    reference = confusion_matrix(labels.numpy(), scores.argmax(1).numpy())
    assert confusion(scores, labels) == tuple(map(tuple, reference.tolist()))
    shares, truth = scores.double().softmax(1).numpy(), labels.numpy()
    predicted = shares.argmax(1)
    weights = 1 / np.bincount(truth)[truth]
    per_class = [roc_auc_score(truth == c, shares[:, c]) for c in range(shares.shape[1])]
    assert found == pytest.approx(
        {
            "accuracy": accuracy_score(truth, predicted),
            "loss": log_loss(truth, shares),
            "balanced_accuracy": balanced_accuracy_score(truth, predicted),
            "auc": np.mean(per_class),
            "balanced_log_loss": log_loss(truth, shares, sample_weight=weights),
        }
    )


def test_accuracy_and_auc_are_those_of_medmnist() -> None:
    evaluator = pytest.importorskip("medmnist.evaluator")
    scores, labels = scores_and_labels(seed=4, n=200, classes=4, levels=1000)
    shares, truth = scores.double().softmax(1).numpy(), labels.numpy()[:, None]
    found = metrics(scores, labels)
    assert found["accuracy"] == pytest.approx(evaluator.getACC(truth, shares, "multi-class"))
    assert found["auc"] == pytest.approx(evaluator.getAUC(truth, shares, "multi-class"))


def test_classes_without_images_are_left_out() -> None:
    scores = torch.tensor([[2.0, 0, 0], [0, 1, 0], [1, 0, 0]])
    found = metrics(scores, torch.tensor([0, 1, 1]))
    assert found["balanced_accuracy"] == pytest.approx((1 + 1 / 2) / 2)
    assert found["auc"] == 1.0  # each class's image stands before the others


def test_huge_scores_of_images_of_one_class_give_finite_metrics_and_no_ranking() -> None:
    found = metrics(torch.tensor([[1e30, -1e30], [-1e30, 1e30]]), torch.tensor([1, 1]))
    assert set(found) == set(METRICS)
    assert all(np.isfinite(value) for value in found.values())
    assert found["auc"] == 0.5


def test_equal_scores_are_no_better_than_chance() -> None:
    found = metrics(torch.zeros(8, 4), torch.arange(8) % 4)
    assert found["auc"] == 0.5
    assert found["loss"] == pytest.approx(np.log(4))
