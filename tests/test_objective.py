"""What a trial stores of its pruner's decisions."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from study import records
from study.runner import StudyResult, run_study
from study.surroundings import Place
from tests.studies import settings


def search(folder: Path, **changes: object) -> StudyResult:
    values = {"trials": 25, "epochs": 9, "sampler": "random", **changes}
    return run_study(settings(**values), Place(url=f"sqlite:///{folder}/study.db"))


def decisions(result: StudyResult) -> dict[int, dict[str, float]]:
    stored = result.stored.study.get_trials(deepcopy=False)
    return {t.number: t.user_attrs[records.DECISION] for t in stored if t.user_attrs.get("pruner")}


def test_a_pruned_trial_says_at_which_epoch_and_by_which_cut(tmp_path: Path) -> None:
    result = search(tmp_path, pruner="one_epoch")
    pruned = [t for t in result.trials if t.state == "pruned" and t.reused_from is None]
    assert pruned
    for trial in pruned:
        assert re.fullmatch(r"pruned at epoch 1: \.\d{3}, cut \.\d{3} of \d+", trial.reason or "")
        fact = decisions(result)[trial.number]
        assert fact["score"] == trial.value
        assert fact["score"] < fact["cut"]


def test_a_minimised_metric_stands_in_the_reason_as_it_was_measured(tmp_path: Path) -> None:
    result = search(tmp_path, pruner="one_epoch", objectives=("log_loss",))
    pruned = [t for t in result.trials if t.state == "pruned" and t.reused_from is None]
    assert pruned
    for trial in pruned:
        fact = decisions(result)[trial.number]
        assert fact["score"] == trial.value
        assert fact["score"] > fact["cut"] > 0
        assert "-" not in (trial.reason or "")


@pytest.mark.parametrize("pruner", ["learning_curve", "last_value"])
def test_the_probability_of_reaching_the_best_is_stored(tmp_path: Path, pruner: str) -> None:
    result = search(tmp_path, pruner=pruner)
    stored = [facts for facts in decisions(result).values() if "probability" in facts]
    assert stored
    assert all(0 <= facts["probability"] <= 1 for facts in stored)
