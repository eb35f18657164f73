from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from study.common.errors import SettingsError
from study.performance_estimation.latency import METRIC, WithLatency, measure_latency
from study.performance_estimation.synthetic import SyntheticEstimator
from study.report.study_summary import summarise_study
from study.results.ranking import pareto_front
from study.running.study_runner import run_study
from study.search_space.candidate import OCTMNIST, Architecture
from study.search_space.resolve import resolve
from study.settings.problem import Problem
from study.settings.run_context import RunContext
from study.settings.validation import validate
from tests.performance_estimation.examples import (
    CANDIDATE,
    IMAGE,
    StopHere,
    ignore,
    stop_here,
)
from tests.report import rendered
from tests.studies import settings

CPU = torch.device("cpu")


def estimator() -> WithLatency:
    return WithLatency(estimator=SyntheticEstimator(image=IMAGE), image=IMAGE, device=CPU)


@pytest.mark.slow
def test_a_larger_network_takes_longer() -> None:
    stacks = (resolve(Architecture(channels=c, kernel=5), OCTMNIST) for c in (4, 128))
    small, large = (measure_latency(stack, OCTMNIST, device=CPU) for stack in stacks)
    assert 0 < small.single_ms < large.single_ms
    assert 0 < small.batch_ms < large.batch_ms


def test_the_other_estimate_is_left_as_it_is() -> None:
    alone = SyntheticEstimator(image=IMAGE).estimate(CANDIDATE, seed=3, report=ignore)
    both = estimator().estimate(CANDIDATE, seed=3, report=ignore)
    assert {k: v for k, v in both.metrics.items() if k != METRIC} == alone.metrics
    assert math.isfinite(both.metrics[METRIC])
    assert both.epochs == alone.epochs


def test_a_prune_passes_through_before_anything_is_timed() -> None:
    with pytest.raises(StopHere):
        estimator().estimate(CANDIDATE, seed=3, report=stop_here)


@pytest.mark.parametrize("cost", ["latency", "macs", "parameters"])
def test_a_study_of_two_objectives_ends_with_a_pareto_front(tmp_path: Path, cost: str) -> None:
    result = run_study(
        settings(objectives=("accuracy", cost), trials=6),
        RunContext(url=f"sqlite:///{tmp_path}/study.db", device="cpu"),
    )
    summary = summarise_study(result.stored, result.trials)
    front = pareto_front(result.trials, summary.objectives)
    assert front
    assert all(len(trial.objectives) == 2 for trial in result.trials)
    for trial in front:
        assert f"trial {trial.number}:" in rendered.best(result.trials, summary)
    assert "Pareto front" in rendered.markdown(result.trials, summary)


@pytest.mark.parametrize("pruner", ["asha", "median,startup=3"])
def test_a_pruner_with_two_objectives_is_an_error_with_the_remedy(pruner: str) -> None:
    asked = settings(objectives=("accuracy", "latency"), pruner=pruner)
    with pytest.raises(SettingsError, match=r"(?s)'constraints:'.*set_constraint"):
        validate(Problem(settings=asked, image=OCTMNIST))
