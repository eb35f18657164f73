"""A pruned candidate continues after its last epoch once its pruner's threshold has moved."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any
from unittest.mock import create_autospec

import pytest

from study.running.curves import CompetingCurves, competing, stopped
from study.running.study_runner import StudyResult, run_study
from study.search_space.candidate import OCTMNIST
from study.settings.problem import Problem
from study.storage.lifecycle import study_state
from study.storage.records import Draw, TrialReader, TrialRecord
from study.storage.stored_study import load_trials
from tests.studies import answer, kill_after, outcome, run_context, settings

SPACE = """
name: quick
parameters:
  epochs: 3
  conv_layers: {type: int, low: 1, high: 2}
  channels: {type: categorical, choices: [2, 3, 4]}
  learning_rate: {type: float, low: 0.0001, high: 0.1, log: true}
  hidden_units: 16
  batch_size: 128
"""
TRIALS = 8


def train(folder: Path, **changes: Any) -> StudyResult:
    values = {
        "space_text": SPACE,
        "estimator": "train",
        "pruner": "asha,reduction_factor=2",
        "epochs": 4,
        "fraction": 0.2,
        "precision": "float32",
        "sampler": "random",
        "trials": TRIALS,
    }
    return run_study(settings(**{**values, **changes}), run_context(folder))


def continued(trials: tuple[TrialRecord, ...]) -> list[TrialRecord]:
    return [t for t in trials if t.draw is not None and t.draw.continues is not None]


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> StudyResult:
    result = train(tmp_path_factory.mktemp("searched"))
    assert continued(result.trials)
    return result


def test_a_continued_candidate_ends_as_one_that_was_never_stopped(
    searched: StudyResult, tmp_path: Path
) -> None:
    went_on = [t for t in continued(searched.trials) if t.state == "complete"]
    whole = train(tmp_path, pruner="none")
    expected = {t.candidate_id: t.objectives for t in whole.trials}
    assert went_on
    for trial in went_on:
        assert trial.objectives == expected[trial.candidate_id]


def test_only_new_epochs_count_and_a_continued_candidate_is_one_trial(
    searched: StudyResult,
) -> None:
    numbered = {t.number: t for t in searched.trials}
    for trial in continued(searched.trials):
        assert trial.draw is not None
        before = numbered[trial.draw.continues or 0]
        assert before.state == "pruned"
        assert trial.sequence_index == before.sequence_index
        assert trial.restored == before.epochs == trial.draw.passed
        assert trial.epochs > trial.restored
    spent = sum(t.epochs - t.restored for t in searched.trials)
    last = {t.sequence_index: t.epochs for t in searched.trials if t.reused_from is None}
    assert spent == sum(last.values())
    assert len(searched.state.finished) == TRIALS


def test_a_study_with_promotions_in_parts_is_the_study_in_one_piece(
    searched: StudyResult, tmp_path: Path
) -> None:
    for trials in (3, 4, 6, TRIALS):
        parts = train(tmp_path, trials=trials)
    assert outcome(parts.trials) == outcome(searched.trials)


@pytest.mark.slow
def test_without_a_checkpoint_nothing_is_continued(tmp_path: Path) -> None:
    for trials in range(1, TRIALS + 1):
        result = train(tmp_path, trials=trials)
        for file in tmp_path.rglob("*.pt"):
            file.unlink()
    assert not continued(result.trials)


def test_a_candidate_in_training_or_with_an_outcome_is_not_continued(
    searched: StudyResult,
) -> None:
    waiting = stopped(searched.state)
    done = {
        searched.state.latest[index].candidate_id
        for index in searched.state.finished
        if searched.state.latest[index].state == "complete"
    }
    assert waiting
    assert not done & {record.candidate_id for record in waiting}


def trial(number: int, name: str, curve: tuple[float, ...], **more: Any) -> TrialRecord:
    return TrialRecord(
        number=number,
        candidate_id=name,
        draw=Draw(sequence_index=number),
        intermediate=dict(enumerate(curve, start=1)),
        **{"state": "pruned", **more},
    )


DRAWN_AGAIN = (
    trial(0, "a", (0.1, 0.2)),
    trial(1, "b", (0.3, 0.4, 0.5), state="complete"),
    trial(2, "a", (0.1, 0.2, 0.3)),
    trial(3, "b", (0.3, 0.4, 0.5), state="complete", reused_from=1),
    trial(4, "c", (0.6,), state="running"),
    trial(5, "a", (0.1,), state="running"),
    trial(6, "d", (), state="running"),
    trial(7, "e", (0.9,), state="failed"),
)


def test_a_candidate_competes_once_with_its_longest_curve() -> None:
    state = study_state(DRAWN_AGAIN, retries=3)
    assert sorted(record.number for record in competing(state)) == [1, 2, 4]


def test_a_candidate_drawn_again_does_not_compete_with_itself() -> None:
    reader = create_autospec(TrialReader, instance=True)
    reader.read.return_value = list(DRAWN_AGAIN)
    problem = Problem(settings=settings(pruner="median"), image=OCTMNIST)
    others = CompetingCurves(problem, reader).others
    assert sorted(curve.sequence_index for curve in others(5)) == [1, 4]
    assert sorted(curve.sequence_index for curve in others(4)) == [1, 2]


@pytest.mark.slow
def test_killed_workers_continue_no_candidate_twice(tmp_path: Path) -> None:
    arguments = (
        "run", "seed", "--dataset", "digits", "--sampler", "random", "--trials", "40",
        "--pruner", "asha", "--epochs", "9", "--fraction", "0.1", "--precision", "float32",
        "--workers", "3", "--retries", "50", "--quiet",
    )  # fmt: skip
    kill_after(5.0, 6.0, 5.5, arguments=arguments, cwd=tmp_path)
    assert answer(*arguments, cwd=tmp_path)[0] == 0
    trials = load_trials("seed", f"sqlite:///{tmp_path}/study.db")[1]
    went_on = Counter(
        t.draw.continues for t in continued(trials) if t.draw is not None and not t.lost
    )
    assert went_on
    assert set(went_on.values()) == {1}
    for trial in continued(trials):
        assert trial.draw is not None
        assert trial.lost or trial.restored >= trial.draw.passed
