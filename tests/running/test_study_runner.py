from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from study.common.errors import ResumeError, SettingsError
from study.common.stop import Stop
from study.running.study_runner import run_study
from study.search_strategy.registry import SAMPLERS
from study.storage.stored_study import open_study
from tests.studies import outcome, run_context, settings


def test_a_study_has_exactly_the_trials_asked_for_and_a_finished_one_gets_no_more(
    tmp_path: Path,
) -> None:
    first = run_study(settings(trials=6), run_context(tmp_path))
    assert len(first.state.finished) == 6
    again = run_study(settings(trials=6), run_context(tmp_path))
    assert [t.number for t in again.trials] == [t.number for t in first.trials]


@pytest.mark.parametrize("sampler", ["random", "tpe", "grid", "qmc"])
def test_a_study_in_parts_is_the_study_in_one_piece(tmp_path: Path, sampler: str) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    whole = run_study(settings(trials=14, sampler=sampler), run_context(tmp_path / "a"))
    for trials in (3, 4, 11, 14):
        parts = run_study(settings(trials=trials, sampler=sampler), run_context(tmp_path / "b"))
    assert outcome(parts.trials) == outcome(whole.trials)


def test_a_trial_left_running_by_a_dead_process_is_repeated_with_the_same_candidate(
    tmp_path: Path,
) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    whole = run_study(settings(trials=12), run_context(tmp_path / "a"))
    run_study(settings(trials=5), run_context(tmp_path / "b"))
    stored = open_study("test", run_context(tmp_path / "b").url)
    stored.study._storage.create_new_trial(stored.study._study_id)
    rest = run_study(settings(trials=12), run_context(tmp_path / "b"))
    assert outcome(rest.trials) == outcome(whole.trials)
    assert len(rest.state.finished) == 12
    assert [t.number for t in rest.trials if t.state == "failed"] == [5]


def test_a_repeated_candidate_costs_no_budget_and_names_its_origin(tmp_path: Path) -> None:
    text = """
name: tiny
parameters:
  conv_layers: {type: int, low: 1, high: 5}
  hidden_units: {type: int, low: 16, high: 512, grid_points: 3}
  dropout: {type: categorical, choices: [0, 0.2, 0.5, 0.8]}
"""
    result = run_study(
        settings(space_text=text, sampler="grid", trials=None, timeout=100), run_context(tmp_path)
    )
    trained = [t for t in result.trials if t.reused_from is None]
    assert len(trained) == 3 * 3 * 4
    assert len({t.candidate_id for t in trained}) == 36
    assert result.work.ending == "exhausted"
    by_number = {t.number: t for t in result.trials}
    for duplicate in result.trials:
        if isinstance(duplicate.reused_from, int):
            assert by_number[duplicate.reused_from].objectives == duplicate.objectives
            assert duplicate.epochs == 0


def test_other_settings_are_refused_with_the_differences(tmp_path: Path) -> None:
    run_study(settings(trials=2), run_context(tmp_path))
    with pytest.raises(ResumeError, match="sampler: stored tpe, asked for random"):
        run_study(settings(trials=2, sampler="random"), run_context(tmp_path))
    assert len(open_study("test", run_context(tmp_path).url).study.trials) == 2


def test_failing_candidates_are_recorded_and_do_not_end_the_study(tmp_path: Path) -> None:
    result = run_study(settings(estimator="synthetic,fail=0.5", trials=12), run_context(tmp_path))
    failed = [t for t in result.trials if t.state == "failed"]
    assert failed
    assert {t.failure.kind for t in failed if t.failure} == {"non-finite"}
    assert len(result.state.finished) == 12


def test_the_epochs_budget_is_not_exceeded(tmp_path: Path) -> None:
    result = run_study(settings(trials=50, epochs_budget=10), run_context(tmp_path))
    assert sum(t.epochs for t in result.trials) == 9  # three trainings of three epochs
    assert result.work.ending == "done"
    assert "1 of the 10 epochs" in result.work.text


def test_a_stop_asked_for_beforehand_draws_nothing(tmp_path: Path) -> None:
    stop = Stop()
    stop.request()
    result = run_study(settings(), run_context(tmp_path), stop=stop)
    assert result.work.ending == "interrupted"
    assert result.trials == ()


def test_pruning_keeps_the_curve_and_the_reason(tmp_path: Path) -> None:
    result = run_study(settings(trials=20, pruner="asha", epochs=9), run_context(tmp_path))
    pruned = [t for t in result.trials if t.state == "pruned"]
    assert pruned
    assert all(t.reason and len(t.curve) == t.epochs for t in pruned if t.reused_from is None)


def test_two_objectives_with_a_pruner_are_refused(tmp_path: Path) -> None:
    asked = settings(objectives=("accuracy", "macs"), pruner="median")
    with pytest.raises(SettingsError, match="one objective only"):
        run_study(asked, run_context(tmp_path))


def test_an_unknown_sampler_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="did you mean"):
        run_study(settings(sampler="tpee"), run_context(tmp_path))
    assert not (tmp_path / "study.db").exists()
    assert "tpe" in SAMPLERS


@pytest.mark.parametrize(
    ("changes", "remedy"),
    [
        (
            {"objectives": ("accuracy", "synflow")},
            "write --metric accuracy or --estimator synflow",
        ),
        (
            {"objectives": ("naswot",)},
            "--metric naswot: .* write --metric accuracy or --estimator",
        ),
        ({"objectives": ("auc", "snip"), "estimator": "supernet"}, "does not measure snip"),
        (
            {"objectives": ("snip",), "estimator": "synflow"},
            "--metric synflow or --estimator snip",
        ),
        ({"objectives": ("accuracy",), "estimator": "synflow"}, "write --metric synflow$"),
        ({"objectives": ("macs",)}, "write --objectives accuracy,macs$"),
        ({"objectives": ("latency",), "estimator": "train"}, "--objectives accuracy,latency$"),
        ({"objectives": ("macs",), "estimator": "synflow"}, "--objectives synflow,macs$"),
    ],
)
def test_what_the_estimator_does_not_measure_is_refused_before_anything_is_written(
    tmp_path: Path, changes: dict[str, Any], remedy: str
) -> None:
    with pytest.raises(SettingsError, match=remedy) as caught:
        run_study(settings(**changes), run_context(tmp_path))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "study.db").exists()
