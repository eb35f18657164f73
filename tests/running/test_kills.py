"""Real processes, real SIGKILL: what was begun ends as if nothing had happened."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from study.common.errors import StorageError
from study.performance_estimation.training.checkpoint import _unpack
from study.running.study_runner import run_study
from study.search_strategy.registry import SAMPLERS
from study.settings.run_context import RunContext
from study.settings.study_settings import StudySettings
from study.storage.checkpoints import study_folder
from study.storage.lifecycle import study_state
from study.storage.records import TrialRecord
from study.storage.stored_study import load_trials
from tests.studies import answer, command, exactly, kill_after, outcome, settings
from tests.terminal import children

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.running.test_kills", "torch"])

PLAIN = """
name: plain
parameters:
  epochs: 3
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
    """Kill the process of a study some seconds after it began a trial; False if it had ended."""
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


@pytest.mark.slow
def test_a_killed_and_resumed_training_ends_with_the_same_values_and_the_same_weights(
    tmp_path: Path, storage_url: str
) -> None:
    whole = f"sqlite:///{tmp_path}/whole.db"
    arguments = ("run", "seed", *TRAIN, "--workers", "1", "--storage")
    there, here = (("--artifacts", str(tmp_path / name)) for name in ("there", "here"))
    assert answer(*arguments, whole, *there, cwd=tmp_path)[0] == 0
    rng = random.Random(0)
    waits = (2.5 + rng.random() * 2.5 for _ in range(4))
    kill_after(*waits, arguments=(*arguments, storage_url, *here), cwd=tmp_path)
    assert answer(*arguments, storage_url, *here, cwd=tmp_path)[0] == 0
    ended, expected = (load_trials("seed", url)[1] for url in (storage_url, whole))
    assert outcome(ended) == outcome(expected)
    assert weights(tmp_path / "here", storage_url) == weights(tmp_path / "there", whole)


def weights(artifacts: Path, url: str) -> dict[str, Any]:
    """Return what the final checkpoints hold of networks and optimisers, by candidate."""
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
    kill_after(*(3 + rng.random() * 2 for _ in range(5)), arguments=arguments, cwd=tmp_path)
    assert answer(*arguments, cwd=tmp_path)[0] == 0
    exactly(load_trials("seed", storage_url)[1], 60)


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


FIRE_SECONDS = 300.0
DIGITS = (
    "run", "seed", "--dataset", "digits", "--sampler", "random", "--precision", "float32",
    "--epochs", "8", "--quiet", "--retries", "100",
)  # fmt: skip


def begun(url: str) -> int:
    """Return how many trials were begun, 0 before there is a study."""
    try:
        return len(load_trials("seed", url)[1])
    except StorageError:  # the very first parent was killed early
        return 0


def wait_for_a_moment(url: str, rng: random.Random, process: subprocess.Popen[str]) -> None:
    """Wait, three times out of four into a trial that was begun since, else at random."""
    known, deadline = begun(url), time.monotonic() + 12.0
    if rng.random() < 0.75:
        while begun(url) == known and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.1)
    time.sleep(1.2 * rng.random())


def kill_at_random(arguments: tuple[str, ...], url: str, folder: Path, *, kills: int) -> int:
    """Kill workers and parents at random moments; return how many were killed."""
    rng, deadline, done = random.Random(4), time.monotonic() + FIRE_SECONDS, 0
    process = command(*arguments, "--storage", url, cwd=folder)
    while done < kills and time.monotonic() < deadline:
        wait_for_a_moment(url, rng, process)
        if process.poll() is not None:
            assert process.returncode in (0, -9), process.communicate()
            process.communicate()
            process = command(*arguments, "--storage", url, cwd=folder)
            continue
        targets = children(process.pid)
        parent = not targets or rng.random() < 0.3
        kill(process.pid if parent else rng.choice(targets))
        done += 1
    process.kill()
    process.communicate()
    return done


def kill(pid: int) -> None:
    subprocess.run(["kill", "-KILL", str(pid)], check=False, capture_output=True)


def values(trials: tuple[TrialRecord, ...]) -> dict[str, tuple[object, ...]]:
    """Return value, curve and epochs of each trained candidate."""
    latest = study_state(trials, retries=100).latest.values()
    return {
        t.candidate_id: (t.objectives, tuple(sorted(t.intermediate.items())), t.epochs)
        for t in latest
        if t.state == "complete" and t.reused_from is None
    }


@pytest.mark.slow
def test_a_study_whose_processes_are_killed_at_random_has_the_values_of_an_undisturbed_one(
    tmp_path: Path, storage_url: str
) -> None:
    """Workers are killed at random, so the order of results and the proposals may differ.

    The exact number of trials, no candidate trained twice, and the value of each candidate stay.
    """
    kills, trials = (10, 16) if storage_url.startswith("postgresql") else (25, 30)
    arguments = (*DIGITS, "--trials", str(trials), "--artifacts", str(tmp_path / "artifacts"))
    killed = kill_at_random((*arguments, "--workers", "3"), storage_url, tmp_path, kills=kills)
    assert killed == kills
    code, _, err = answer(*arguments, "--workers", "3", "--storage", storage_url, cwd=tmp_path)
    assert code == 0, err
    after = load_trials("seed", storage_url)[1]
    exactly(after, trials)
    assert not study_state(after, retries=100).to_repeat
    lost = [t for t in after if t.failure and t.failure.kind in ("killed", "interrupted")]
    assert len(lost) > kills // 5, "too few kills met a trial, or left its worker without a parent"

    other = f"sqlite:///{tmp_path}/undisturbed.db"
    code, _, err = answer(*arguments, "--workers", "2", "--storage", other, cwd=tmp_path)
    assert code == 0, err
    undisturbed = values(load_trials("seed", other)[1])
    found = values(after)
    assert len(found) == len(undisturbed) == trials
    shared = found.keys() & undisturbed.keys()
    assert len(shared) > trials // 2
    assert all(found[key] == undisturbed[key] for key in shared)
