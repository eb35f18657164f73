"""Real processes, real SIGKILL: what was begun ends as if nothing had happened."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from study.running.study_runner import run_study
from study.search_strategy.registry import SAMPLERS
from study.settings.run_context import RunContext
from study.settings.study_settings import StudySettings
from study.storage.checkpoints import study_folder
from study.storage.lifecycle import study_state
from study.storage.records import TrialRecord
from study.storage.stored_study import load_trials
from tests.studies import answer, command, outcome, settings

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.running.test_kills", "torch"])

PLAIN = """
name: plain
parameters:
  conv_layers: {type: int, low: 1, high: 3}
  hidden_units: {type: int, low: 16, high: 512}
  dropout: {type: float, low: 0.0, high: 0.8}
  learning_rate: {type: float, low: 0.0003, high: 0.01, log: true}
"""
UNCONDITIONAL = ("gp", "cmaes", "auto")
IN_EVERY_RUN = ("tpe",)

TRAIN = (
    "--dataset", "digits", "--sampler", "random", "--trials", "6", "--retries", "50", "--quiet",
    "--precision", "float32", "--keep", "all",
)  # fmt: skip


def work(asked: StudySettings, run_context: RunContext) -> None:
    """Run a study; what a killed process does."""
    run_study(asked, run_context)


def killed(asked: StudySettings, run_context: RunContext, *, after: float) -> bool:
    """Run a study in a process that is killed some seconds after it began a trial.

    Returns:
        Whether it was; False where the study ended before.
    """
    known = len(load_trials(asked.study, run_context.url)[1])
    process = FORKS.Process(target=work, args=(asked, run_context))
    process.start()
    while process.is_alive() and len(load_trials(asked.study, run_context.url)[1]) == known:
        process.join(0.02)
    process.join(after)
    alive = process.is_alive()
    process.kill()
    process.join()
    process.close()
    return alive


def interrupted_study(
    asked: StudySettings, run_context: RunContext, seed: str
) -> tuple[TrialRecord, ...]:
    """Kill a study at random instants until two kills have met trials, then let it end."""
    rng, met = random.Random(seed), 0
    run_study(asked.with_changes(trials=1), run_context)
    for _ in range(12):
        if not killed(asked, run_context, after=0.3 * rng.random()):
            break
        met += any(t.state == "running" for t in load_trials(asked.study, run_context.url)[1])
        if met == 2:
            break
    assert met, "no kill met a trial"
    return run_study(asked, run_context).trials


def asked_of(sampler: str, **changes: Any) -> StudySettings:
    space = {"space_text": PLAIN} if sampler in UNCONDITIONAL else {}
    values = {"trials": 14, "retries": 50, "estimator": "synthetic,delay=0.03,fail=0.1"}
    return settings(sampler=sampler, **{**values, **space, **changes})


@pytest.mark.parametrize(
    "sampler",
    [
        pytest.param(name, marks=[] if name in IN_EVERY_RUN else [pytest.mark.slow])
        for name in SAMPLERS
    ],
)
def test_a_study_killed_at_any_instants_ends_as_one_that_ran_through(
    tmp_path: Path, sampler: str
) -> None:
    whole = run_study(asked_of(sampler), RunContext(url=f"sqlite:///{tmp_path}/whole.db"))
    trials = interrupted_study(
        asked_of(sampler), RunContext(url=f"sqlite:///{tmp_path}/killed.db"), sampler
    )
    assert outcome(trials) == outcome(whole.trials)
    assert len(study_state(trials, retries=50).finished) == 14
    lost = [t for t in trials if t.failure and t.failure.kind == "killed"]
    assert lost
    assert all("died" in t.failure.text for t in lost if t.failure)


@pytest.mark.slow
@pytest.mark.parametrize("pruner", ["asha", "median"])
def test_kills_change_nothing_on_postgresql_and_under_a_pruner(
    tmp_path: Path, storage_url: str, pruner: str
) -> None:
    asked = asked_of("tpe", pruner=pruner, epochs=6, trials=16)
    whole = run_study(asked, RunContext(url=f"sqlite:///{tmp_path}/whole.db"))
    trials = interrupted_study(
        asked, RunContext(url=storage_url, artifacts=tmp_path), storage_url[:9]
    )
    assert outcome(trials) == outcome(whole.trials)
    assert [t.reason for t in trials if t.state == "pruned"] == [
        t.reason for t in whole.trials if t.state == "pruned"
    ]


def stored(url: str, name: str = "seed") -> tuple[TrialRecord, ...]:
    return load_trials(name, url)[1]


@pytest.mark.slow
def test_a_killed_and_resumed_training_ends_with_the_same_values_and_the_same_weights(
    tmp_path: Path, storage_url: str
) -> None:
    whole = f"sqlite:///{tmp_path}/whole.db"
    arguments = ("run", "seed", *TRAIN, "--workers", "1", "--storage")
    there, here = (("--artifacts", str(tmp_path / name)) for name in ("there", "here"))
    assert answer(*arguments, whole, *there, cwd=tmp_path)[0] == 0
    rng = random.Random(0)
    for _ in range(4):
        process = command(*arguments, storage_url, *here, cwd=tmp_path)
        time.sleep(2.5 + rng.random() * 2.5)
        process.kill()
        process.communicate()
    assert answer(*arguments, storage_url, *here, cwd=tmp_path)[0] == 0
    assert outcome(stored(storage_url)) == outcome(stored(whole))
    assert weights(tmp_path / "here", storage_url) == weights(tmp_path / "there", whole)


def weights(artifacts: Path, url: str) -> dict[str, Any]:
    """Return what the final checkpoints hold of networks and optimisers, by candidate."""
    import torch

    from study.performance_estimation.training.checkpoint import _unpack

    folder = Path(str(study_folder(artifacts, url, "seed"))) / "checkpoints"
    found = {}
    for path in sorted(folder.glob("*.pt")):
        state = _unpack(path.read_bytes())["state"]
        tensors = [*state["network"].values()]
        for moments in state["optimizer"]["state"].values():
            tensors += [value for value in moments.values() if torch.is_tensor(value)]
        found[path.stem] = [tensor.cpu().numpy().tobytes() for tensor in tensors]
    assert len(found) == 6
    return found


@pytest.mark.slow
def test_killed_parents_and_workers_leave_an_exact_count_and_no_trained_duplicates(
    tmp_path: Path, storage_url: str
) -> None:
    arguments = (
        "run", "seed", "--dataset", "digits", "--estimator", "synthetic,delay=0.05",
        "--trials", "60", "--workers", "3", "--retries", "50", "--quiet",
        "--storage", storage_url,
    )  # fmt: skip
    rng = random.Random(1)
    for _ in range(5):
        process = command(*arguments, cwd=tmp_path)
        time.sleep(3 + rng.random() * 2)
        process.kill()
        process.communicate()
    assert answer(*arguments, cwd=tmp_path)[0] == 0
    trials = stored(storage_url)
    state = study_state(trials, retries=50)
    assert len(state.finished) == 60
    trained = [state.latest[run_context].candidate_id for run_context in state.finished]
    assert len(set(trained)) == len(trained)
    assert not [t for t in trials if t.state == "running"]


@pytest.mark.slow
def test_a_worker_that_is_only_suspended_keeps_its_trial(tmp_path: Path) -> None:
    asked = asked_of("random", estimator="synthetic,delay=0.3", trials=4)
    run_context = RunContext(url=f"sqlite:///{tmp_path}/study.db")
    run_study(asked.with_changes(trials=1), run_context)
    process = FORKS.Process(target=work, args=(asked, run_context))
    process.start()
    while not any(t.state == "running" for t in load_trials("test", run_context.url)[1]):
        time.sleep(0.02)
    pid = process.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    wake = threading.Timer(2.0, os.kill, (pid, signal.SIGCONT))
    wake.start()
    result = run_study(asked, run_context)
    process.join()
    wake.join()
    assert len(result.state.finished) == 4
    assert not [t for t in result.trials if t.failure]
