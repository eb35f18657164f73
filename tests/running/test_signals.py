"""Ctrl-C in a real terminal, and the signals of cluster systems and closed windows."""

from __future__ import annotations

import signal
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import optuna
import pytest

from study.common.errors import StorageError
from study.storage.lifecycle import study_state
from study.storage.opening import open_storage, stop_waiting_for_server
from study.storage.reap import ASK_SECONDS, beating, identity, reap_dead_trials
from study.storage.records import STOPPING, WORKER, read_trial, read_trials
from study.storage.stored_study import load_trials, open_study
from tests.studies import answer
from tests.terminal import CTRL_C, Terminal, terminal

LONG = ("--dataset", "digits", "--sampler", "random", "--trials", "4", "--epochs", "60")
SLOW_STEP = (
    "run", "seed", "--dataset", "digits", "--estimator", "synthetic,delay=120",
    "--trials", "1", "--retries", "0", "--workers", "1",
)  # fmt: skip
PROMISE = 2.0
"""Seconds in which a stop is over."""


def until(true: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def reports(folder: Path, count: int) -> bool:
    """Tell whether trials have reported this many epochs."""
    try:
        trials = load_trials("seed", f"sqlite:///{folder}/study.db")[1]
    except StorageError:  # there is no study yet
        return False
    return sum(len(trial.intermediate) for trial in trials) >= count


STOPS: dict[str, Callable[[Terminal], None]] = {
    "Ctrl-C": lambda t: t.press(CTRL_C),
    "SIGTERM": lambda t: t.send(signal.SIGTERM),
    "hang-up": lambda t: t.send(signal.SIGHUP),
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "workers"),
    [("Ctrl-C", 1), ("Ctrl-C", 2), ("SIGTERM", 1), ("SIGTERM", 2), ("hang-up", 1)],
)
def test_one_stop_interrupts_the_trials_within_two_seconds_and_says_how_to_resume(
    tmp_path: Path, how: str, workers: int
) -> None:
    arguments = ("run", "seed", *LONG, "--workers", str(workers))
    with closing(terminal(*arguments, cwd=tmp_path)) as shown:
        until(lambda: reports(tmp_path, 6))
        STOPS[how](shown)
        code, seconds = shown.end()
    assert (code, seconds < PROMISE) == (130, True), (seconds, shown.screen)
    assert "run_study.py resume seed" in shown.screen
    assert "Traceback" not in shown.screen
    stopped = [t for t in load_trials("seed", f"sqlite:///{tmp_path}/study.db")[1] if t.failure]
    assert {t.failure.kind for t in stopped if t.failure} == {"interrupted"}
    code, _, err = answer("resume", "seed", "--trials", "2", "--workers", "1", cwd=tmp_path)
    assert code == 0, err
    trials = load_trials("seed", f"sqlite:///{tmp_path}/study.db")[1]
    assert any(t.restored >= 1 for t in trials if t.state == "complete")


@pytest.mark.slow
def test_a_step_that_takes_long_is_cut_off_and_a_second_key_does_so_at_once(
    tmp_path: Path,
) -> None:
    for presses, limit in ((1, PROMISE), (2, 1.0)):
        with closing(terminal(*SLOW_STEP, cwd=tmp_path)) as shown:
            until(partial(shown.shows, "trial 0"))
            for _ in range(presses):
                shown.press(CTRL_C)
                time.sleep(0.1)
            code, seconds = shown.end()
        assert (code, seconds < limit) == (130, True), (seconds, shown.screen)
        assert "the same command continues" in shown.screen
        assert shown.screen.rstrip().endswith("there")


@pytest.mark.slow
@pytest.mark.parametrize("presses", [1, 2])
def test_a_trial_cut_off_within_a_step_again_and_again_is_interrupted_and_costs_no_retry(
    tmp_path: Path, storage_url: str, presses: int
) -> None:
    for number in range(4):
        with closing(terminal(*SLOW_STEP, "--storage", storage_url, cwd=tmp_path)) as shown:
            until(partial(shown.shows, f"trial {number}"))
            for _ in range(presses):
                shown.press(CTRL_C)
            code, seconds = shown.end()
        assert (code, seconds < PROMISE) == (130, True), (seconds, shown.screen)
    study = open_study("seed", storage_url).study
    assert reap_dead_trials(study, read_trials(study.get_trials()), me=identity()) == [3]
    _, trials = load_trials("seed", storage_url)
    assert [t.failure and t.failure.kind for t in trials] == ["interrupted"] * 4
    assert study_state(trials, retries=0).to_repeat == (0,)


@pytest.mark.parametrize(("asked", "kind"), [(True, "interrupted"), (False, "killed")])
def test_a_trial_whose_worker_ended_within_a_step_is_interrupted_if_a_stop_was_requested(
    tmp_path: Path, asked: bool, kind: str
) -> None:
    url = f"sqlite:///{tmp_path}/study.db"
    study = optuna.create_study(storage=open_storage(url, create=True), study_name="s")
    stop_waiting_for_server(study, when=lambda: asked)
    trial = study.ask()
    trial.set_user_attr(WORKER, {**identity(), "start": "0"})
    with beating(study, trial._trial_id, url=url):
        if asked:
            until(lambda: STOPPING in study.get_trials()[0].user_attrs)
        else:
            time.sleep(3 * ASK_SECONDS)
    assert reap_dead_trials(study, read_trials(study.get_trials()), me=identity()) == [0]
    failure = read_trial(study.get_trials()[0]).failure
    assert failure is not None
    assert failure.kind == kind


@pytest.mark.slow
def test_a_wait_for_a_locked_database_can_be_stopped(tmp_path: Path) -> None:
    arguments = ("run", "seed", *LONG, "--workers", "1")
    with closing(terminal(*arguments, cwd=tmp_path)) as shown:
        until(lambda: reports(tmp_path, 3))
        with closing(sqlite3.connect(tmp_path / "study.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            time.sleep(1.5)
            shown.press(CTRL_C)
            code, seconds = shown.end()
    assert (code, seconds < PROMISE) == (130, True), (seconds, shown.screen)


@contextmanager
def trickling() -> Iterator[str]:
    """Serve a file of which a byte comes every now and then."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            try:
                connection, _ = server.accept()
                with connection:
                    connection.recv(65536)
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 55000000\r\n\r\n")
                    while True:
                        connection.sendall(b"x" * 1000)
                        time.sleep(0.2)
            except OSError:
                return

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/octmnist.npz"


@pytest.mark.slow
@pytest.mark.parametrize("how", ["Ctrl-C", "SIGTERM"])
def test_a_download_can_be_stopped_and_keeps_what_came(tmp_path: Path, how: str) -> None:
    with trickling() as url:
        patch = (
            "from study.data import catalogue\n"
            f"catalogue._medmnist_info().INFO['octmnist']['url'] = {url!r}"
        )
        arguments = ("run", "seed", "--dataset", "octmnist", "--data-root", str(tmp_path))
        with closing(terminal(*arguments, cwd=tmp_path, before=patch)) as shown:
            part = tmp_path / "octmnist.npz.part"
            until(lambda: part.exists() and part.stat().st_size > 0)
            time.sleep(1.0)
            STOPS[how](shown)
            code, seconds = shown.end()
    assert (code, seconds < PROMISE) == (130, True), (seconds, shown.screen)
    assert "the same command continues" in shown.screen
    assert part.exists()
