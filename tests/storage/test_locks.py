"""The lock of a study: a file beside an SQLite file, or an advisory lock of a server."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy.exc import DBAPIError

from study.storage.locks import FileLock, StudyLock, holding, schema_lock
from study.storage.rdb import connection_lost, open_engine
from tests.postgres_server import Server

CUT = """SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted"""
WAITED = """SELECT pid FROM pg_stat_activity WHERE query LIKE '%pg_advisory_lock(%'
AND state = 'idle' AND pid NOT IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory')"""

Pair = tuple[StudyLock, StudyLock]


def pair(url: str) -> Pair:
    """Return the lock of a storage twice, as two workers have it."""
    first, second = schema_lock(url), schema_lock(url)
    assert first is not None
    assert second is not None
    return first, second


@pytest.fixture
def locks(storage_url: str) -> Pair:
    return pair(storage_url)


@pytest.fixture
def server_locks(postgres_server: Server) -> Pair:
    return pair(postgres_server.new_database())


def test_a_lock_is_held_by_one_holder_until_it_is_released(locks: Pair) -> None:
    first, second = locks
    with holding(first):
        assert not second.try_acquire()
        assert first.release()
        assert second.try_acquire()
    assert second.release()
    assert second.release()  # nothing happens where it is not held
    assert first.try_acquire()
    assert first.release()


def test_a_stop_request_ends_the_wait_for_a_lock(locks: Pair) -> None:
    first, second = locks
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


def test_a_lock_whose_connection_was_cut_is_free_and_its_holder_notices(
    server_locks: Pair, postgres_server: Server
) -> None:
    first, second = server_locks
    assert first.try_acquire()
    postgres_server.sql(CUT)
    assert second.try_acquire()
    assert not first.release()
    assert second.release()


def test_a_lock_is_waited_for_in_one_session_until_it_is_acquired_or_released(
    server_locks: Pair, postgres_server: Server
) -> None:
    first, second = server_locks
    assert first.try_acquire()
    sessions = set()
    for _ in range(3):
        assert not second.try_acquire()
        sessions |= {row[0] for row in postgres_server.sql(WAITED)}
    assert len(sessions) == 1
    assert second.release()  # it waits no longer
    assert not postgres_server.sql(WAITED)
    assert not second.try_acquire()
    assert first.release()
    assert second.try_acquire()
    assert second.release()


@pytest.fixture
def impatient_server(postgres_server: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """Let the server end an idle session of a lock after a second."""
    (version,) = postgres_server.sql("SHOW server_version_num")
    if int(str(version[0])) < 140000:
        pytest.skip("only PostgreSQL 14 or newer ends idle sessions")
    monkeypatch.setattr("study.storage.locks.IDLE_SECONDS", 1)
    monkeypatch.setattr("study.storage.locks.PING_SECONDS", 0.2)
    return postgres_server


@pytest.mark.usefixtures("impatient_server")
def test_a_lock_is_kept_for_any_time(server_locks: Pair) -> None:
    first, second = server_locks
    assert first.try_acquire()
    time.sleep(1.8)
    assert not second.try_acquire()
    assert first.release()
    assert not [thread for thread in threading.enumerate() if thread.name == "lock"]


@pytest.mark.usefixtures("impatient_server")
def test_a_suspended_holder_loses_the_lock_and_notices(
    server_locks: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("study.storage.locks.PING_SECONDS", 60.0)  # as if it did not run
    first, second = server_locks
    assert first.try_acquire()
    time.sleep(1.8)
    assert second.try_acquire()
    assert not first.release()
    assert second.release()


def test_a_session_that_idled_for_too_long_is_a_lost_connection(impatient_server: Server) -> None:
    with open_engine(impatient_server.new_database()).connect() as connection:
        connection.exec_driver_sql("SET idle_session_timeout = '100ms'")
        connection.commit()
        time.sleep(0.5)
        with pytest.raises(DBAPIError) as raised:
            connection.exec_driver_sql("SELECT 1")
    assert getattr(raised.value.orig, "sqlstate", None) == "57P05"
    assert connection_lost(raised.value)
