"""Tests of study/running/progress.py: what a person reads while a study runs."""

from __future__ import annotations

import datetime as dt
import io
import os
import pty
import re
import select
import signal
import sys
from pathlib import Path

import pytest

from study.running.progress import Lines, RemainingTime
from study.search_space.candidate import OCTMNIST
from study.settings.problem import Problem
from study.storage.lifecycle import study_state
from study.storage.records import TrialRecord
from tests.report.builders import failed, seed_trial
from tests.studies import ROOT, settings


def running(number: int, epochs: int) -> TrialRecord:
    curve = {epoch: 0.5 for epoch in range(1, epochs + 1)}
    return TrialRecord(number=number, state="running", intermediate=curve)


def test_the_clock_starts_with_the_first_trial_and_never_waits_for_one_to_end() -> None:
    clock = RemainingTime(10, epochs=4)
    assert clock.describe(0, [], now=0.0) == "starting"
    assert clock.describe(0, [running(0, 0)], now=20.0) == "running for 0.0 s"
    assert (
        clock.describe(0, [running(0, 2)], now=25.0) == "about 1.6 min left"
    )  # 9.5 trials at 10 s
    assert clock.describe(1, [running(1, 0)], now=30.0) == "about 1.5 min left"


def test_a_resumed_study_is_timed_by_what_this_run_did() -> None:
    clock = RemainingTime(20, epochs=2)
    clock.describe(15, [running(15, 0)], now=0.0)
    assert clock.describe(17, [running(17, 0)], now=8.0) == "about 12.0 s left"


def test_without_a_number_of_trials_the_elapsed_time_is_shown() -> None:
    clock = RemainingTime(None, epochs=2)
    clock.describe(0, [running(0, 0)], now=0.0)
    assert clock.describe(3, [running(3, 1)], now=9.0) == "running for 9.0 s"


def test_every_trial_that_ends_gets_one_line_with_its_own_count() -> None:
    out = io.StringIO()
    lines = Lines(Problem(settings=settings(trials=4), image=OCTMNIST), out)
    records = [seed_trial(0)]
    lines.show(records, study_state(records, retries=3))
    late = dt.datetime(2026, 11, 24, 12, tzinfo=dt.UTC)
    records += [
        seed_trial(1, finished=late),
        failed(2, "killed", finished=late - dt.timedelta(hours=1)),
        seed_trial(3, finished=late - dt.timedelta(minutes=1)),
    ]
    for _ in range(2):
        lines.show(records, study_state(records, retries=3))
    shown = out.getvalue().splitlines()
    assert [line.partition(":")[0] for line in shown] == [
        "[1/4] trial 2",
        "[2/4] trial 3",
        "[3/4] trial 1",
    ]
    assert "(lost: killed)" in shown[0]


def screen_of(arguments: list[str], folder: Path) -> str:
    """Return everything a command wrote to its terminal, without the terminal's own codes."""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(folder)
        os.environ.update(TERM="xterm-256color", PYTHONPATH=str(ROOT), OMP_NUM_THREADS="1")
        os.execv(sys.executable, [sys.executable, str(ROOT / "run_study.py"), *arguments])
    written = b""
    try:
        while select.select([terminal], [], [], 120)[0]:
            try:
                piece = os.read(terminal, 65536)
            except OSError:  # Linux says so when the other end is closed
                break
            if not piece:
                break
            written += piece
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(terminal)
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", written.decode(errors="replace"))


@pytest.mark.slow
def test_a_terminal_shows_epochs_the_best_and_the_time_left(tmp_path: Path) -> None:
    estimator = ["--estimator", "synthetic,delay=0.3", "--dataset", "digits"]
    shown = screen_of(
        ["run", "seed", "--trials", "6", "--workers", "2", "--epochs", "5", *estimator], tmp_path
    )
    assert re.search(r"[1-5] of 6 trials", shown)
    assert re.search(r"trial \d: epoch [1-5]/5", shown)
    assert re.search(r"best, trial \d: Conv layers: \d, Hidden units: \d+", shown)
    assert re.search(r"about [\d.]+ s left", shown)
    assert "all 6 trials are done" in shown


@pytest.mark.slow
def test_quiet_shows_no_progress(tmp_path: Path) -> None:
    estimator = ["--estimator", "synthetic", "--dataset", "digits"]
    shown = screen_of(
        ["run", "seed", "--trials", "2", "--workers", "1", "-q", *estimator], tmp_path
    )
    assert "of 2 trials" not in shown
    assert "all 2 trials are done" in shown
