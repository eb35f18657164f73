"""What a trial returns, and what it stores of its pruner's decisions."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from study.performance_estimation.training.metrics import METRICS
from study.running.study_runner import StudyResult, run_study
from study.settings.metrics import MEASURES
from study.storage import records
from tests.studies import ROOT, run_context, settings

OF_IMAGES = {name: m for name, m in MEASURES.items() if m.metric.startswith("val_")}
MINI = ROOT.parent / "shared" / "data" / "octmnist_mini.npz"
MAJORITY = 355 / 758


def search(folder: Path, **changes: object) -> StudyResult:
    values = {"trials": 12, "epochs": 9, "sampler": "random", **changes}
    return run_study(settings(**values), run_context(folder))


def decisions(result: StudyResult) -> dict[int, dict[str, float]]:
    stored = result.stored.study.get_trials(deepcopy=False)
    return {t.number: t.user_attrs[records.DECISION] for t in stored if t.user_attrs.get("pruner")}


def test_a_pruned_trial_stores_epoch_and_cut_in_the_unit_of_the_metric(
    tmp_path: Path,
) -> None:
    result = search(tmp_path, pruner="one_epoch", objectives=("log_loss",))
    pruned = [t for t in result.trials if t.state == "pruned" and t.reused_from is None]
    assert pruned
    for trial in pruned:
        fact = decisions(result)[trial.number]
        assert fact["score"] == trial.value
        assert fact["score"] > fact["cut"] > 0
        number = r"\d*\.\d{3}"
        reason = rf"pruned at epoch 1: {number}, cut {number} of \d+"
        assert re.fullmatch(reason, trial.reason or "")


def test_a_shorter_training_is_not_pruned_at_its_own_end(tmp_path: Path) -> None:
    text = """
name: lengths
parameters:
  conv_layers: {type: int, low: 1, high: 3}
  hidden_units: {type: int, low: 16, high: 512}
  epochs: {type: categorical, choices: [3, 9]}
"""
    result = search(tmp_path, space_text=text, pruner="asha", trials=40, epochs=None)
    stopped = [t for t in result.trials if t.state == "pruned" and t.reused_from is None]
    assert {t.epochs for t in stopped if t.params["epochs"] == 9} >= {1, 3}
    assert {t.epochs for t in stopped if t.params["epochs"] == 3} == {1}


def test_the_probability_of_reaching_the_best_is_stored(tmp_path: Path) -> None:
    result = search(tmp_path, pruner="learning_curve")
    stored = [facts for facts in decisions(result).values() if "probability" in facts]
    assert stored
    assert all(0 <= facts["probability"] <= 1 for facts in stored)


def test_every_metric_of_a_validation_can_be_the_objective() -> None:
    assert {measure.metric for measure in OF_IMAGES.values()} == {
        f"val_{name}" for name in METRICS
    }


@pytest.mark.parametrize("name", OF_IMAGES)
def test_the_value_of_a_trial_is_its_objective(name: str, tmp_path: Path) -> None:
    result = search(tmp_path, objectives=(name,), trials=3)
    measure = OF_IMAGES[name]
    assert all(trial.value == trial.metrics[measure.metric] for trial in result.trials)
    direction = result.stored.study.direction.name.lower()
    assert direction == ("maximize" if measure.maximise else "minimize")
    best = records.ranked(result.trials, maximise=measure.maximise)[0]
    assert best.value == result.stored.study.best_value


@pytest.mark.skipif(not MINI.exists(), reason=f"{MINI.name} is missing")
def test_a_search_on_oct_images_learns_more_than_the_majority_class(tmp_path: Path) -> None:
    result = search(tmp_path, dataset=str(MINI), estimator="train", trials=2, epochs=6)
    values = [trial.value for trial in result.trials if trial.value is not None]
    assert len(values) == 2
    assert max(values) > MAJORITY + 0.1
