"""Workers that cannot see each other, as on two machines: in process namespaces of their own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from study.running.study_runner import run_study
from study.settings.run_context import RunContext
from study.storage.records import TrialRecord
from study.storage.stored_study import SETTINGS, load_trials, open_study
from tests.postgres_server import Server
from tests.studies import exactly, settings
from tests.terminal import children, environment, program

APART = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
QUICK = "import study.storage.rdb as r\nr.HEARTBEAT_SECONDS, r.GRACE_SECONDS = 1, 4"
"""Heartbeats in seconds instead of minutes."""


def can_be_apart() -> bool:
    """Tell whether processes may have a namespace of their own here."""
    if shutil.which("unshare") is None:
        return False
    return subprocess.run([*APART, "true"], check=False, capture_output=True).returncode == 0


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not can_be_apart(), reason="process namespaces cannot be made here"),
]


@contextmanager
def elsewhere(url: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Let a worker join from another machine; it is killed at the end."""
    arguments = ("worker", "test", "--quiet", "--storage", url, "--artifacts", str(folder))
    process = subprocess.Popen(
        [*APART, *program(*arguments, before=QUICK)],
        cwd=folder,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def until_running(url: str) -> TrialRecord:
    deadline = time.monotonic() + 60
    while True:
        for trial in load_trials("test", url)[1]:
            if trial.state == "running" and trial.worker:
                return trial
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.fixture
def url(postgres_server: Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return a storage with a study of one trial."""
    monkeypatch.setattr("study.storage.rdb.HEARTBEAT_SECONDS", 1)
    monkeypatch.setattr("study.storage.rdb.GRACE_SECONDS", 4)
    url = postgres_server.new_database()
    run_study(settings(estimator="synthetic,delay=2.5", trials=1), RunContext(url=url))
    return url


def finish(url: str, folder: Path, *, trials: int) -> tuple[TrialRecord, ...]:
    asked = settings(estimator="synthetic,delay=2.5", trials=trials)
    return run_study(asked, RunContext(url=url, artifacts=folder)).trials


def raise_limit(url: str, *, trials: int) -> None:
    """Raise the number of trials of the study, without running them."""
    stored = open_study("test", url)
    larger = stored.settings.with_changes(trials=trials)
    stored.study.set_user_attr(SETTINGS, larger.model_dump_json())


def test_a_worker_killed_elsewhere_is_recognised_by_its_silence(tmp_path: Path, url: str) -> None:
    raise_limit(url, trials=3)
    with elsewhere(url, tmp_path):
        lost = until_running(url).number
    trials = finish(url, tmp_path, trials=3)
    exactly(trials, 3)
    failure = trials[lost].failure
    assert failure is not None
    assert "has sent no heartbeat for too long" in failure.text


def test_a_live_worker_elsewhere_is_left_alone_through_a_long_step(
    tmp_path: Path, url: str
) -> None:
    raise_limit(url, trials=2)
    with elsewhere(url, tmp_path):  # its trial takes 7.5 seconds, the grace is four
        until_running(url)
        trials = finish(url, tmp_path, trials=2)
    exactly(trials, 2)
    assert not [t for t in trials if t.failure]


def test_a_worker_suspended_elsewhere_loses_its_trial_and_no_count(
    tmp_path: Path, url: str
) -> None:
    raise_limit(url, trials=4)
    with elsewhere(url, tmp_path) as process:
        suspended = until_running(url).number
        (child,) = children(process.pid)
        os.kill(child, signal.SIGSTOP)
        time.sleep(6)
        trials = finish(url, tmp_path, trials=4)
        os.kill(child, signal.SIGCONT)
        assert process.wait(timeout=60) == 0
    assert trials[suspended].failure is not None
    exactly(load_trials("test", url)[1], 4)
