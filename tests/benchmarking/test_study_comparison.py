"""Stored studies side by side: best values, reused results, tests and errors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from study.benchmarking.study_comparison import Study, StudyComparison, compare_studies
from study.common.errors import StudyError
from study.report.benchmarking import study_comparison_section
from study.report.terminal import render_text
from study.running.study_runner import StudyResult, run_study
from study.settings.run_context import RunContext
from tests.studies import invoke, settings

SMALL = """
name: small-space
parameters:
  conv_layers: {type: int, low: 1, high: 3}
  hidden_units: {type: categorical, choices: [16, 32, 64]}
  epochs: 3
"""

NOISY = "synthetic,noise=0.1"

Run = Callable[..., StudyResult]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def started(name: str, **changes: Any) -> StudyResult:
        asked = settings(**{"study": name, "space_text": SMALL, "sampler": "random", **changes})
        return run_study(asked, RunContext(url=f"sqlite:///{tmp_path}/study.db"))

    return started


def _study(result: StudyResult) -> Study:
    return result.stored, result.trials


def _compared(*results: StudyResult) -> StudyComparison:
    return compare_studies([_study(result) for result in results])


def _text(comparison: StudyComparison) -> str:
    return render_text(study_comparison_section(comparison))


def test_the_best_is_that_of_the_trials_so_far(run: Run) -> None:
    random, grid = run("a", trials=5), run("b", trials=3, sampler="grid")
    found = _compared(random, grid)

    assert found.trials == 3
    for curve, result in zip(found.curves, (random, grid), strict=True):
        reached = [t.objectives[0] for t in result.trials if t.reused_from is None]
        assert curve.best[0] is None
        assert list(curve.best[1:]) == np.maximum.accumulate(reached).tolist()
    text = _text(found)
    assert "all have 3 trials or more" in text
    assert f"{found.curves[1].best[3]:.4f}" in text
    assert "No test" in text


def test_reused_results_raise_the_best_and_are_no_trials(run: Run, tmp_path: Path) -> None:
    old = run("old", trials=9, sampler="grid")
    new = run("new", trials=9, sampler="grid", reuse=("old",))
    alone = run("alone", trials=2)
    found = _compared(new, alone)

    assert all(isinstance(t.reused_from, str) for t in new.trials)
    assert (found.trials, found.curves[0].trials) == (0, 0)
    assert found.curves[0].best == (max(t.objectives[0] for t in old.trials),)
    url = f"sqlite:///{tmp_path}/study.db"
    code, out, err = invoke("compare", "new", "alone", "--storage", url, cwd=tmp_path)
    assert code == 0, err
    assert "all have 0 trials or more" in out
    assert f"{found.curves[0].best[0]:.4f}" in out


def test_a_reused_result_counts_after_the_trial_before_it(run: Run) -> None:
    result = run("a", trials=3)
    first, second, third = sorted(result.trials, key=lambda t: t.number)[:3]
    records = (
        replace(first, objectives=(0.1,), reused_from=None),
        replace(second, objectives=(0.9,), reused_from="old/7"),
        replace(third, objectives=(0.2,), reused_from=None),
    )
    found = compare_studies([(result.stored, records)] * 2)
    assert found.curves[0].best[1:] == (0.9, 0.9)


def test_strategies_with_common_seeds_are_tested(run: Run) -> None:
    results = [
        run(f"{sampler}{seed}", trials=3, seed=seed, sampler=sampler, estimator=NOISY)
        for sampler in ("random", "grid")
        for seed in (0, 1)
    ]
    found = _compared(*results)

    assert found.seeds == (0, 1)
    by_name = {curve.name: curve.best[3] or 0.0 for curve in found.curves}
    less = np.mean([by_name[f"grid{s}"] - by_name[f"random{s}"] for s in (0, 1)])
    assert found.pairs[0].difference == pytest.approx(less)
    assert "Wilcoxon's signed-rank test over the seeds 0, 1" in _text(found)


def test_studies_that_cannot_be_compared_are_an_error(run: Run) -> None:
    one, other = run("a", trials=2), run("b", trials=2, objectives=("log_loss",))
    with pytest.raises(StudyError, match="'a' and 'b' optimise accuracy and log_loss"):
        _compared(one, other)
    changed = replace(one.stored, data={**one.stored.data, "sha256": "other"})
    with pytest.raises(StudyError, match="have different data"):
        compare_studies([_study(one), (changed, one.trials)])
    pruned = [record for record in one.trials if record.state == "pruned"]
    with pytest.raises(StudyError, match="study 'a' has no result to compare; run it first"):
        compare_studies([_study(one), (one.stored, pruned)])
