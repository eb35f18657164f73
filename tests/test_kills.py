"""Real processes, real SIGKILL."""

from __future__ import annotations

import random
import signal
import time
from pathlib import Path

import pytest

from study.lifecycle import standing
from study.overview import load_trials
from study.records import TrialRecord
from tests.studies import answer, command, outcome

TRAIN = (
    "--dataset", "digits", "--sampler", "random", "--trials", "6", "--retries", "50", "--quiet",
)  # fmt: skip


def stored(folder: Path, name: str = "seed") -> tuple[TrialRecord, ...]:
    return load_trials(name, f"sqlite:///{folder}/study.db")[1]


@pytest.mark.slow
def test_a_killed_and_resumed_training_ends_with_the_same_values(tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    killed.mkdir()
    arguments = ("run", "seed", *TRAIN, "--precision", "float32", "--workers", "1")
    assert answer(*arguments, cwd=whole)[0] == 0
    rng = random.Random(0)
    for _ in range(6):
        process = command(*arguments, cwd=killed)
        time.sleep(2.5 + rng.random() * 2.5)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert answer(*arguments, cwd=killed)[0] == 0
    assert outcome(stored(killed)) == outcome(stored(whole))


@pytest.mark.slow
def test_killed_parents_and_workers_leave_an_exact_count_and_no_trained_twins(
    tmp_path: Path,
) -> None:
    arguments = (
        "run", "seed", "--dataset", "digits", "--estimator", "synthetic,delay=0.05",
        "--trials", "60", "--workers", "3", "--retries", "50", "--quiet",
    )  # fmt: skip
    rng = random.Random(1)
    for _ in range(8):
        process = command(*arguments, cwd=tmp_path)
        time.sleep(3 + rng.random() * 2)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert answer(*arguments, cwd=tmp_path)[0] == 0
    trials = stored(tmp_path)
    state = standing(trials, retries=50)
    assert len(state.finished) == 60
    trained = [state.latest[place].candidate_id for place in state.finished]
    assert len(set(trained)) == len(trained)
    assert not [t for t in trials if t.state == "running"]
