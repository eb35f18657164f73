"""The file lock of a study on SQLite. The lock of a server is in ``test_postgres.py``."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from study.storage.locks import FileLock, holding


def test_a_file_lock_is_held_by_one_holder_until_it_is_released(tmp_path: Path) -> None:
    first, second = FileLock(tmp_path / "x.lock"), FileLock(tmp_path / "x.lock")
    with holding(first):
        assert not second.try_acquire()
        assert first.release()
        assert second.try_acquire()
    assert second.release()
    assert second.release()  # nothing happens where it is not held
    assert first.try_acquire()
    assert first.release()


def test_a_stop_request_ends_the_wait_for_a_lock(tmp_path: Path) -> None:
    first, second = FileLock(tmp_path / "x.lock"), FileLock(tmp_path / "x.lock")
    stop = threading.Event()
    with holding(first):
        threading.Timer(0.1, stop.set).start()
        with pytest.raises(InterruptedError), holding(second, stop=stop.is_set):
            raise AssertionError("two holders")


def test_the_lock_of_a_process_that_was_killed_is_free(tmp_path: Path) -> None:
    lock = FileLock(tmp_path / "x.lock")
    program = (
        "import sys, time, filelock\n"
        "lock = filelock.FileLock(sys.argv[1])\n"
        "lock.acquire()\n"
        "print('held', flush=True)\n"
        "time.sleep(60)\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "x.lock")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        assert not lock.try_acquire()
        process.kill()
        process.wait()
    assert lock.try_acquire()
    assert lock.release()
