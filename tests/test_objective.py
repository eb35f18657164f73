"""What a trial stores of its pruner's decisions."""

from __future__ import annotations

import re
from pathlib import Path

from study.running.study_runner import StudyResult, run_study
from study.storage import records
from tests.studies import run_context, settings


def search(folder: Path, **changes: object) -> StudyResult:
    values = {"trials": 12, "epochs": 9, "sampler": "random", **changes}
    return run_study(settings(**values), run_context(folder))


def decisions(result: StudyResult) -> dict[int, dict[str, float]]:
    stored = result.stored.study.get_trials(deepcopy=False)
    return {t.number: t.user_attrs[records.DECISION] for t in stored if t.user_attrs.get("pruner")}


def test_a_pruned_trial_says_when_and_by_which_cut_in_the_metric_s_own_numbers(
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


def test_a_candidate_of_a_shorter_training_is_not_stopped_at_its_own_end(tmp_path: Path) -> None:
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
