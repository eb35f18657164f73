"""The lock of a study, and the lock of a database's tables.

The lock of a study protects everything that is read, decided and then written:

    count the trials -> reap dead ones -> draw a candidate -> create its trial     every worker
    create the study, or compare its stored settings and raise its limits          ``run``
    prune checkpoints, train the shared weights of a supernet                      every worker

A worker releases the lock as soon as its trial is stored with its draw, and trains without it. The
system frees a lock when its holder dies. A PostgreSQL lock can also be lost while its holder
lives, with the connection. ``release`` then returns False, and the draw is taken back.
"""

from __future__ import annotations

import contextlib
import hashlib
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import filelock
from optuna.storages import BaseStorage
from sqlalchemy.exc import SQLAlchemyError

from study.storage.opening import check_url
from study.storage.rdb import backend_of, open_engine
from study.storage.storage_errors import opening_errors, storage_errors
from study.storage.url import sqlite_path, with_driver

POLL_SECONDS = 0.02
SERVER_WAIT_MS = 500
PING_SECONDS = 60.0
LOCK_NOT_AVAILABLE = "55P03"
"""PostgreSQL's code for a statement that waited too long for a lock."""
IDLE_SECONDS = 600
"""The server ends a session that sends nothing for this time (PostgreSQL 14 or newer)."""


class LockLost(Exception):  # noqa: N818 - an outcome: the candidate is drawn again
    """The lock was lost with its connection while a candidate was drawn."""


class StudyLock(Protocol):
    """Mutual exclusion between the workers of one study."""

    def try_acquire(self) -> bool:
        """Take the lock if it is free or becomes free in a moment. Return whether that worked."""

    def release(self) -> bool:
        """Release the lock, or stop waiting for it. Return False where the lock had been lost."""


@contextmanager
def holding(lock: StudyLock, *, stop: Callable[[], bool] = lambda: False) -> Iterator[None]:
    """Hold a lock until the block ends, or until ``lock.release()`` inside it.

    Raises:
        InterruptedError: ``stop`` returned True during the wait.
    """
    try:
        while not lock.try_acquire():
            if stop():
                raise InterruptedError
            time.sleep(POLL_SECONDS)
        yield
    finally:
        lock.release()


class FileLock:
    """An exclusive lock on a file, which is created and stays."""

    def __init__(self, path: Path) -> None:
        # A soft lock, the fallback, would survive its holder.
        self._lock = filelock.FileLock(path, thread_local=False, fallback_to_soft=False)

    def try_acquire(self) -> bool:
        try:
            self._lock.acquire(blocking=False)
        except filelock.Timeout:
            return False
        return True

    def release(self) -> bool:
        self._lock.release(force=True)
        return True


class AdvisoryLock:
    """A PostgreSQL advisory lock, which belongs to the session of one connection.

    The server queues the waiting sessions in the order of arrival, for half a second at a time. A
    lock may be held for hours while shared weights are trained. A thread keeps its session from
    idling. A suspended holder loses the lock after ten minutes.

    Args:
        name: Name of the lock, hashed to the 64 bits of PostgreSQL's keys.
        url: Storage URL, for messages.
    """

    def __init__(self, engine: Any, name: str, url: str) -> None:
        self._engine, self._url = engine, url
        digest = hashlib.sha256(name.encode()).digest()
        self._key = int.from_bytes(digest[:8], "big", signed=True)
        self._connection: Any = None
        self._waiting: Any = None
        self._pings: _Pings | None = None

    def try_acquire(self) -> bool:
        with storage_errors(self._url):
            connection, self._waiting = self._waiting or self._connect(), None
            try:
                connection.exec_driver_sql(f"SELECT pg_advisory_lock({self._key})")
            except BaseException as error:
                if getattr(getattr(error, "orig", None), "sqlstate", None) == LOCK_NOT_AVAILABLE:
                    self._waiting = connection
                    return False
                _end(connection)  # it may hold the lock
                raise
        self._connection, self._pings = connection, _Pings(connection)
        return True

    def _connect(self) -> Any:
        """Return a connection on which the server notices a vanished holder within a minute."""
        connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        settings = {
            "lock_timeout": f"{SERVER_WAIT_MS}ms",
            "tcp_keepalives_idle": "10",
            "tcp_keepalives_interval": "5",
            "tcp_keepalives_count": "3",
        }
        if connection.dialect.server_version_info >= (14,):
            settings["idle_session_timeout"] = f"{IDLE_SECONDS}s"
        calls = (f"set_config('{name}', '{value}', false)" for name, value in settings.items())
        try:
            connection.exec_driver_sql(f"SELECT {', '.join(calls)}")
        except BaseException:
            _end(connection)
            raise
        return connection

    def release(self) -> bool:
        if self._waiting is not None:
            _end(self._waiting)
            self._waiting = None
        if self._connection is None or self._pings is None:
            return True
        self._pings.end()
        connection, self._connection, self._pings = self._connection, None, None
        try:
            unlock = connection.exec_driver_sql(
                f"SELECT pg_advisory_unlock({self._key}), pg_advisory_unlock_all()"
            )  # all: a wait that timed out at the last moment may have acquired it once more
            held = bool(unlock.scalar())
            connection.exec_driver_sql("RESET ALL")
        except SQLAlchemyError:
            connection.invalidate()
            return False
        finally:
            connection.close()
        return held


class _Pings:
    """Sends a statement on a lock's connection each minute, in a thread, until ``end``."""

    def __init__(self, connection: Any) -> None:
        self._connection, self._ended = connection, threading.Event()
        self._thread = threading.Thread(target=self._ping, name="lock", daemon=True)
        self._thread.start()

    def _ping(self) -> None:
        with contextlib.suppress(Exception):  # ``release`` notices a lost connection
            while not self._ended.wait(PING_SECONDS):
                self._connection.exec_driver_sql("SELECT 1")

    def end(self) -> None:
        """End the thread, so that the calling thread can use the connection."""
        self._ended.set()
        self._thread.join()


def _end(connection: Any) -> None:
    """End a session, which frees its locks."""
    connection.invalidate()
    connection.close()


def study_lock(storage: BaseStorage, url: str, name: str) -> StudyLock:
    """Return the lock of a study: beside an SQLite file, in PostgreSQL, or on this machine."""
    path = sqlite_path(url)
    if path is not None:
        return FileLock(path.with_name(f"{path.name}.lock"))
    if url.startswith("postgres"):
        return AdvisoryLock(backend_of(storage).engine, f"study/{name}", url)
    digest = hashlib.sha256(f"{url}/{name}".encode()).hexdigest()[:16]
    return FileLock(Path(tempfile.gettempdir()) / f"study-{digest}.lock")


def schema_lock(url: str) -> StudyLock | None:
    """Return the lock under which a database's tables are made; None where there is none."""
    check_url(url, create=True)
    path = sqlite_path(url)
    if path is not None:
        return FileLock(path.with_name(f"{path.name}.lock")) if path.parent.is_dir() else None
    if not url.startswith("postgres"):
        return None
    with opening_errors(url):
        return AdvisoryLock(open_engine(with_driver(url)), "study/schema", url)
