"""The screen of a study: its scores, its cost, and what it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from study.common.errors import SettingsError
from study.performance_estimation.registry import Snip
from study.performance_estimation.screen import parse_screen
from study.report.study_document import describe_cost
from study.report.study_summary import summarise_study
from study.running.candidate_source.screening import PREFIX, stored_scores
from study.running.study_runner import StudyResult, run_study
from study.storage.costs import read_costs
from study.storage.stored_study import load_trials
from tests.studies import answer, kill_after, outcome, run_context, settings


def scores_of(result: StudyResult) -> list[float]:
    return [t.draw.notes["score"] for t in result.trials if t.draw and t.draw.source == "screened"]


def test_the_best_draws_are_tried_first_and_then_the_sampler_proposes(tmp_path: Path) -> None:
    result = run_study(settings(screen="conv_macs:60:5", trials=8), run_context(tmp_path))
    stored = stored_scores(result.stored.study.user_attrs)
    assert len(stored) == 60
    assert scores_of(result) == sorted(filter(None, stored), reverse=True)[:5]
    assert [t.draw.source for t in result.trials if t.draw][5:] == ["strategy"] * 3
    assert [t.conv_macs for t in result.trials][:5] == scores_of(result)


def test_a_screened_study_in_parts_is_the_study_in_one_piece_and_scores_once(
    tmp_path: Path,
) -> None:
    whole = run_study(settings(screen="synflow:20:6", trials=10), run_context(tmp_path / "a"))
    for trials in (1, 4, 10):
        parts = run_study(
            settings(screen="synflow:20:6", trials=trials), run_context(tmp_path / "b")
        )
        assert len([k for k in parts.stored.study.user_attrs if k.startswith(PREFIX)]) == 1
    assert outcome(parts.trials) == outcome(whole.trials)
    assert scores_of(parts) == scores_of(whole)


RECIPES = """
name: recipes
parameters:
  epochs: 3
  conv_layers: {type: int, low: 1, high: 2}
  learning_rate: {type: categorical, choices: [0.001, 0.003, 0.01, 0.03]}
"""


def test_candidates_that_differ_in_the_recipe_alone_tie_in_a_screen(tmp_path: Path) -> None:
    asked = settings(space_text=RECIPES, screen="naswot:8:8", trials=8)
    stored = scores_of(run_study(asked, run_context(tmp_path)))
    assert [stored.count(score) for score in stored] == [4] * 8


def test_candidates_that_differ_in_the_recipe_alone_tie_by_an_untrained_score(
    tmp_path: Path,
) -> None:
    score = {"estimator": "naswot", "objectives": ("naswot",), "sampler": "grid", "trials": 8}
    found: dict[object, set[object]] = {}
    for seed in (0, 1):
        asked = settings(space_text=RECIPES, study=f"s{seed}", seed=seed, **score)
        for trial in run_study(asked, run_context(tmp_path)).trials:
            found.setdefault((seed, trial.params["conv_layers"]), set()).add(trial.value)
    assert [len(values) for values in found.values()] == [1] * 4
    assert found[0, 1] != found[1, 1]


def test_the_cost_of_the_screen_is_in_the_ledger(tmp_path: Path) -> None:
    result = run_study(settings(screen="synflow:20", trials=2), run_context(tmp_path))
    (cost,) = read_costs(result.stored.study.user_attrs)
    assert (cost.what, cost.epochs) == ("screen by synflow", 0)
    assert cost.seconds > 0
    summary = summarise_study(result.stored, result.trials)
    assert "screen by synflow" in [process.label for process in summary.processes]
    assert "by 1 process in" in describe_cost(result.trials, summary)


def test_a_space_smaller_than_the_screen_is_screened_whole(tmp_path: Path) -> None:
    text = "name: two\nparameters:\n  conv_layers: {type: int, low: 1, high: 2}\n"
    result = run_study(
        settings(space_text=text, screen="macs:50:50", trials=9, sampler="random"),
        run_context(tmp_path),
    )
    assert [t.params["conv_layers"] for t in result.trials][:2] == [2, 1]
    assert result.work.ending == "exhausted"


RATES = """
name: rates
parameters:
  epochs: 3
  learning_rate: {type: float, low: 0.001, high: 0.1, log: true}
  batch_size: {type: categorical, choices: [32, 64]}
"""


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"screen": "synflow"}, "write SCORE:DRAWS"),
        ({"screen": "synflow:many"}, "write SCORE:DRAWS"),
        ({"screen": "synflow:1"}, "1 draws"),
        ({"screen": "synflow:10:11"}, "10 draws of which 11"),
        ({"screen": "sinflow:10"}, "did you mean 'synflow'"),
        ({"screen": "macs,images=3:10"}, "unknown option"),
        ({"screen": "synflow:20", "sampler": "grid"}, "every point"),
        ({"screen": "synflow:20", "space_text": RATES}, "learning_rate, batch_size only"),
    ],
)
def test_a_screen_that_does_not_fit_is_refused_before_anything_is_written(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        run_study(settings(**changes), run_context(tmp_path))
    assert not (tmp_path / "study.db").exists()


def test_a_tenth_of_the_draws_is_kept_unless_another_number_is_given() -> None:
    assert parse_screen("synflow:200").kept == 20
    assert parse_screen("synflow:5").kept == 1
    assert parse_screen("snip,initialisations=5:200:7").score == Snip(initialisations=5)


@pytest.mark.slow
def test_a_screen_killed_at_any_moment_by_several_workers_ends_the_same(tmp_path: Path) -> None:
    arguments = (
        "run", "seed", "--dataset", "digits", "--estimator", "synthetic", "--trials", "12",
        "--screen", "naswot:150:12", "--sampler", "random", "--workers", "2", "--quiet",
        "--retries", "50",
    )  # fmt: skip
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    killed.mkdir()
    assert answer(*arguments, cwd=whole)[0] == 0
    kill_after(3.0, 4.0, 5.0, arguments=arguments, cwd=killed)
    assert answer(*arguments, cwd=killed)[0] == 0
    found = [load_trials("seed", f"sqlite:///{folder}/study.db") for folder in (whole, killed)]
    assert outcome(found[0][1]) == outcome(found[1][1])
    stored = [stored_scores(study.study.user_attrs) for study, _ in found]
    assert stored[0] == stored[1]
    assert len(stored[0]) == 150
