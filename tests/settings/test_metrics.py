from __future__ import annotations

from pathlib import Path

import pytest

from study.performance_estimation.training.metrics import METRICS
from study.running.study_runner import run_study
from study.settings.metrics import MEASURES, find_measures
from study.settings.run_context import RunContext
from study.storage.records import ranked
from tests.studies import settings

OF_IMAGES = [name for name, measure in MEASURES.items() if measure.key.startswith("val_")]


def test_every_metric_of_a_validation_can_be_the_objective() -> None:
    assert {MEASURES[name].key for name in OF_IMAGES} == {f"val_{metric}" for metric in METRICS}


@pytest.mark.parametrize("name", OF_IMAGES)
def test_the_value_of_a_trial_is_the_metric_asked_for(name: str, tmp_path: Path) -> None:
    asked = settings(objectives=(name,), trials=3, sampler="random")
    result = run_study(asked, RunContext(url=f"sqlite:///{tmp_path}/study.db"))
    measure = find_measures((name,))[0]
    assert all(trial.value == trial.metrics[measure.key] for trial in result.trials)
    direction = result.stored.study.direction.name.lower()
    assert direction == ("maximize" if measure.maximise else "minimize")
    best = ranked(result.trials, maximise=measure.maximise)[0]
    assert best.value == result.stored.study.best_value
