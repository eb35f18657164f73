"""A study under fire: its processes are killed at random, again and again, and nothing shows.

Of several workers the order of results, and with it what a learning sampler proposes, depends on
the moment. What is promised whatever happens: the exact number of trials, no candidate trained
twice, and for every candidate the value that an undisturbed training of it has, bit for bit.
"""

from __future__ import annotations

import random
import subprocess
import time
from pathlib import Path

import pytest

from study.common.errors import StorageError
from study.storage.lifecycle import study_state
from study.storage.records import TrialRecord
from study.storage.stored_study import load_trials
from tests.studies import answer, command

pytestmark = pytest.mark.slow

KILLS = 25
SECONDS = 300.0
DIGITS = (
    "run", "seed", "--dataset", "digits", "--sampler", "random", "--precision", "float32",
    "--epochs", "8", "--quiet", "--retries", "100",
)  # fmt: skip


def children(pid: int) -> list[int]:
    """Return the worker processes of a parent."""
    try:
        listed = Path(f"/proc/{pid}/task/{pid}/children").read_text("utf-8")
    except OSError:
        return []
    return [int(child) for child in listed.split()]


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


def under_fire(arguments: tuple[str, ...], url: str, folder: Path, *, kills: int) -> int:
    """Kill workers and parents at random moments; return how many were killed."""
    rng, deadline, done = random.Random(4), time.monotonic() + SECONDS, 0
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
    """Return what each trained candidate came to: its value, curve and epochs."""
    latest = study_state(trials, retries=100).latest.values()
    return {
        t.candidate_id: (t.objectives, tuple(sorted(t.intermediate.items())), t.epochs)
        for t in latest
        if t.state == "complete" and t.reused_from is None
    }


@pytest.mark.parametrize(("kills", "trials"), [(KILLS, 30)])
def test_a_study_under_fire_is_the_study_at_peace(
    tmp_path: Path, storage_url: str, kills: int, trials: int
) -> None:
    if storage_url.startswith("postgresql"):
        kills, trials = 10, 16
    arguments = (*DIGITS, "--trials", str(trials), "--artifacts", str(tmp_path / "artifacts"))
    killed = under_fire((*arguments, "--workers", "3"), storage_url, tmp_path, kills=kills)
    assert killed == kills
    code, _, err = answer(*arguments, "--workers", "3", "--storage", storage_url, cwd=tmp_path)
    assert code == 0, err
    after = load_trials("seed", storage_url)[1]
    check_exact(after, trials)
    lost = [t for t in after if t.failure and t.failure.kind in ("killed", "interrupted")]
    assert len(lost) > kills // 5, "too few kills met a trial, or left its worker without a parent"

    peace = f"sqlite:///{tmp_path}/peace.db"
    code, _, err = answer(*arguments, "--workers", "2", "--storage", peace, cwd=tmp_path)
    assert code == 0, err
    undisturbed = values(load_trials("seed", peace)[1])
    found = values(after)
    assert len(found) == len(undisturbed) == trials
    shared = found.keys() & undisturbed.keys()
    assert len(shared) > trials // 2
    assert all(found[key] == undisturbed[key] for key in shared)


def check_exact(records: tuple[TrialRecord, ...], trials: int) -> None:
    state = study_state(records, retries=100)
    assert len(state.finished) == trials
    assert not state.running
    assert not state.to_repeat
    trained = [state.latest[sequence_index].candidate_id for sequence_index in state.finished]
    assert len(set(trained)) == trials
    indices = [t.sequence_index for t in records if t.state == "complete"]
    assert len(indices) == len(set(indices))
