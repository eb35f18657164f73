"""Every sampler in a real study: queue first, constraints kept, restarts without an effect."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from study.running.study_runner import run_study
from study.search_space.candidate import ImageFormat
from study.search_space.reading.loading import space_from_text
from study.search_strategy.registry import SAMPLERS
from study.settings.run_context import RunContext
from study.settings.study_settings import StudySettings
from tests.studies import outcome, settings

SPACE = """
name: queued
parameters:
  conv_layers: {type: int, low: 1, high: 3}
  head: {type: categorical, choices: [flatten, global_average]}
  hidden_units: {type: int, low: 16, high: 512, log: true, grid_points: 4, when: {head: flatten}}
  dropout: {type: float, low: 0, high: 0.6, step: 0.2}
  learning_rate: {type: float, low: 0.0003, high: 0.01, log: true, grid_points: 2}
  epochs: 2
constraints: {parameters: 400_000}
enqueue:
  - {conv_layers: 3, head: flatten, hidden_units: 64, dropout: 0.2, learning_rate: 0.001}
  - {conv_layers: 2, head: global_average, dropout: 0.4, learning_rate: 0.002}
"""
TRIALS = 14


def queued(**changes: Any) -> StudySettings:
    return settings(space_name="queued", space_text=SPACE, trials=TRIALS, seed=1, **changes)


@pytest.mark.slow
@pytest.mark.parametrize("name", SAMPLERS)
def test_a_study_starts_with_its_queue_keeps_its_constraints_and_survives_a_restart(
    tmp_path: Path, name: str
) -> None:
    if name == "cmaes":
        pytest.importorskip("cmaes", reason="the extra 'cmaes' is not installed")
    contexts = [RunContext(url=f"sqlite:///{tmp_path}/{part}.db") for part in ("whole", "parts")]
    whole = run_study(queued(sampler=name), contexts[0])
    for epochs in (2.0, 18.0, None):  # schedules follow --trials, so another limit cuts the parts
        parts = run_study(queued(sampler=name, epochs_budget=epochs), contexts[1])
    assert outcome(parts.trials) == outcome(whole.trials)
    image = ImageFormat(channels=1, size=28, classes=10)
    space = space_from_text(SPACE, source="queued", image=image)
    first = sorted(whole.trials, key=lambda trial: trial.number)[:2]
    assert [dict(t.params) for t in first] == [dict(v) for v in space.enqueue]
    assert all(space.allows(t.params, image) for t in whole.trials)
