from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from medmnist.evaluator import Evaluator
from numpy.typing import NDArray
from sklearn.metrics import balanced_accuracy_score, confusion_matrix

from study.common.errors import EvaluationError
from study.common.stored_form import from_stored, to_stored
from study.final_test.measure import UnderTest, final_test, prediction_files
from study.final_test.result import (
    ACCURACY,
    AUC,
    BALANCED,
    PUBLISHED,
    FinalTest,
    against_published,
    read_final_test,
)
from study.report.outcomes import final_test_section
from study.report.terminal import render_text
from study.statistics.intervals import wilson

Scores = dict[int, NDArray[np.floating]]


def final_test_text(result: FinalTest) -> str:
    return render_text(final_test_section(result, ()))


def _tested(**fields: object) -> UnderTest:
    stated: dict[str, object] = {
        "candidate_id": "c1",
        "number": 7,
        "access": 1,
        "dataset": "octmnist",
        "size": 28,
        "class_names": ("CNV", "DME", "drusen", "normal"),
    } | fields
    return UnderTest(**stated)  # type: ignore[arg-type]


def _networks(*seeds: int, n: int = 400) -> tuple[Scores, NDArray[np.int64]]:
    rng = np.random.default_rng(0)
    labels = np.arange(n) % 4
    base = rng.normal(size=(n, 4))
    base[np.arange(n), labels] += 1.8
    scores: Scores = {s: (base + rng.normal(size=(n, 4)) / 3).astype(np.float32) for s in seeds}
    return scores, labels


@pytest.fixture(scope="module")
def result() -> FinalTest:
    scores, labels = _networks(31, 5, 77)
    validation = {"val_accuracy": 0.92, "val_balanced_accuracy": 0.84}
    return final_test(scores, labels, tested=_tested(validation=validation, epochs=12))


def test_the_figures_of_every_network_agree_with_sklearn(result: FinalTest) -> None:
    scores, labels = _networks(31, 5, 77)
    for network, logits in zip(result.networks, scores.values(), strict=True):
        predicted = logits.argmax(axis=1)
        assert network.measures[ACCURACY] == pytest.approx(np.mean(predicted == labels))
        assert network.measures[BALANCED] == pytest.approx(
            balanced_accuracy_score(labels, predicted)
        )
        assert np.array_equal(network.confusion, confusion_matrix(labels, predicted))
        assert network.intervals[ACCURACY] == wilson(int(np.sum(predicted == labels)), 400)
        for name in (ACCURACY, BALANCED, AUC):
            assert network.intervals[name].covers(network.measures[name])


def test_the_first_seed_as_given_is_the_network_whose_details_are_shown(result: FinalTest) -> None:
    assert result.seeds == (31, 5, 77)
    assert result.first.seed == 31
    assert [sum(row) for row in result.first.confusion] == [each.images for each in result.classes]
    assert sum(b.images for b in result.reliability) == 400


def test_means_and_intervals_over_seeds_are_those_of_the_networks(result: FinalTest) -> None:
    values = [network.measures[AUC] for network in result.networks]
    spread = result.over_seeds[AUC]
    assert spread.mean == pytest.approx(np.mean(values))
    assert spread.std == pytest.approx(np.std(values, ddof=1))
    images = result.mean_over_images[AUC]
    assert images.interval is not None
    assert images.interval.low < images.mean < images.interval.high


def test_recall_and_precision_have_intervals_over_their_images(result: FinalTest) -> None:
    confusion = np.array(result.first.confusion)
    for c, row in enumerate(result.classes):
        assert row.recall == pytest.approx(confusion[c, c] / confusion[c].sum())
        assert row.precision == pytest.approx(confusion[c, c] / confusion[:, c].sum())
        assert row.recall_interval == wilson(int(confusion[c, c]), 100)


def test_the_chain_goes_from_validation_to_test(result: FinalTest) -> None:
    assert [link.name for link in result.chain] == [
        "validation accuracy",
        "validation balanced accuracy",
        "test accuracy",
    ]


def test_an_unbalanced_test_part_ends_the_chain_with_balanced_accuracy() -> None:
    scores, labels = _networks(1, n=30)
    chain = final_test(scores, labels, tested=_tested()).chain
    assert [link.name for link in chain] == ["test accuracy", "test balanced accuracy"]


def test_one_network_has_no_interval_over_seeds_but_one_over_images() -> None:
    scores, labels = _networks(1, n=40)
    result = final_test(scores, labels, tested=_tested())
    assert result.over_seeds[ACCURACY].interval is None
    assert result.mean_over_images[ACCURACY].interval is not None


def test_published_results_are_listed_for_the_same_test_part_only() -> None:
    scores, labels = _networks(1, n=40)
    ours = final_test(scores, labels, tested=_tested(dataset="my_file"))
    assert ours.published == ()
    assert "Published results" not in final_test_text(ours)


def test_the_section_has_the_figures_the_access_and_what_images_resolve(result: FinalTest) -> None:
    text = final_test_text(result)
    assert "access 1 to the test part" in text
    assert re.search(r"validation balanced accuracy +0\.8400", text)
    assert "400 images show" in text
    assert re.search(r"Google AutoML Vision +0\.7710 +0\.9630", text)


def test_a_final_test_comes_back_from_json(result: FinalTest) -> None:
    assert read_final_test({"test": json.loads(json.dumps(to_stored(result)))}) == result


def test_scores_that_cannot_be_used_are_an_error() -> None:
    scores, labels = _networks(1, 2, n=40)
    with pytest.raises(EvaluationError, match=r"seed 1: shape \(40, 4\), expected \(39, 4\)"):
        final_test(scores, labels[:-1], tested=_tested())
    scores[2][3, 1] = np.nan
    with pytest.raises(EvaluationError, match="scores of seed 2 are not finite"):
        final_test(scores, labels, tested=_tested())
    with pytest.raises(EvaluationError, match="no network to test"):
        final_test({}, labels, tested=_tested())


def test_a_difference_to_a_published_accuracy_is_tested() -> None:
    figures = PUBLISHED["octmnist", 28]
    assert len(figures) == 6
    assert all(f.source and f.accuracy and f.auc for f in figures)
    assert against_published(0.771, 0.743, 1000) == "no clear difference"
    assert against_published(0.820, 0.771, 1000) == "above"
    assert against_published(0.601, 0.743, 1000) == "below"


@pytest.mark.parametrize("size", [28, 64])
def test_medmnists_evaluator_finds_the_same_figures_in_the_files(
    tmp_path: Path, size: int
) -> None:
    scores, labels = _networks(5, 8, n=60)
    result = final_test(scores, labels, tested=_tested(size=size))
    mark = "" if size == 28 else f"_{size}"
    np.savez(tmp_path / f"octmnist{mark}.npz", test_labels=labels[:, None])
    evaluator = Evaluator("octmnist", "test", size=size, root=str(tmp_path))
    files = prediction_files(scores, result)
    assert len(files) == 2
    for network, (name, text) in zip(result.networks, files.items(), strict=True):
        (tmp_path / name).write_text(text)
        written = np.loadtxt(tmp_path / name, delimiter=",")
        auc, accuracy = found = evaluator.evaluate(written[:, 1:])
        assert accuracy == network.measures[ACCURACY]
        assert auc == pytest.approx(network.measures[AUC])
        assert name == evaluator.get_standard_evaluation_filename(found, run=network.seed)


@given(st.integers(0, 1000), st.integers(2, 5), st.integers(2, 25))
def test_any_scores_give_a_result_that_can_be_stored_and_described(
    seed: int, classes: int, n: int
) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, n)
    scores: Scores = {s: rng.normal(size=(n, classes)) * 10.0**s for s in (0, 3)}
    names = tuple(f"class {c}" for c in range(classes))
    result = final_test(scores, labels, tested=_tested(dataset="mine", class_names=names))
    assert from_stored(FinalTest, json.loads(json.dumps(to_stored(result))), where="") == result
    assert "nan" not in final_test_text(result)
