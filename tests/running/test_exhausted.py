"""A study that has tried all there is ends with a text that says so, and not before."""

from __future__ import annotations

from pathlib import Path

import pytest

from study.running.study_runner import run_study
from study.search_strategy.samplers import non_adaptive
from tests.studies import run_context, settings

NINE = """
name: nine
parameters:
  conv_layers: {type: int, low: 1, high: 3}
  hidden_units: {type: categorical, choices: [16, 32, 64]}
  epochs: 3
"""
ALL = "all 9 distinct candidates of the space have been tried"


@pytest.mark.parametrize(
    ("sampler", "text", "patience"),
    [
        ("grid", "all 9 points of the grid are done", non_adaptive.PATIENCE),
        ("random", ALL, non_adaptive.PATIENCE),
        *(
            (name, ALL, patience)
            for name in ("qmc", "auto", "surrogate,start=50")
            for patience in (non_adaptive.PATIENCE, 0)
        ),
    ],
)
def test_a_study_without_limit_tries_every_candidate_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sampler: str, text: str, patience: int
) -> None:
    """Without patience a quasi-random sequence leaves candidates out, as in lopsided spaces."""
    monkeypatch.setattr(non_adaptive, "PATIENCE", patience)
    asked = settings(space_text=NINE, sampler=sampler, trials=None, timeout=100)
    result = run_study(asked, run_context(tmp_path))

    assert (result.work.ending, result.work.text) == ("exhausted", text)
    assert len({trial.candidate_id for trial in result.trials}) == 9


def test_a_thinned_grid_ends_with_the_number_of_its_points(tmp_path: Path) -> None:
    thinned = NINE.replace("low: 1, high: 3", "low: 1, high: 3, grid_points: 2")
    asked = settings(space_text=thinned, sampler="grid", trials=None, timeout=100)
    result = run_study(asked, run_context(tmp_path))

    assert result.work.text == "all 6 points of the grid are done"
