"""One lock for each study: "count, then create" happens in one worker at a time.

A lock is freed by the system when its holder dies, however that happens.
"""

from __future__ import annotations

import contextlib
import hashlib
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Protocol

from study.storage.opening import check_url, sqlite_path, with_driver
from study.storage.storage_errors import opening_errors, storage_errors

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

POLL_SECONDS = 0.02
SERVER_WAIT_MS = 500
PING_SECONDS = 60.0
IDLE_SECONDS = 600
"""A session that says nothing for so long is ended by the server (PostgreSQL 14 or newer)."""


class LockLost(Exception):  # noqa: N818 - an outcome: the draw is made again
    """The lock went with its connection while a candidate was drawn."""


class StudyLock(Protocol):
    """Mutual exclusion between the workers of one study."""

    def try_acquire(self) -> bool:
        """Take the lock if it is free or becomes so in a moment; True where it is now held."""

    def release(self) -> bool:
        """Give the lock back, or wait for it no longer.

        Returns:
            False where it was lost before, so that others may have had it.
        """


class FileLock:
    """An exclusive lock on a file beside the database.

    Args:
        path: The lock file; it is created and stays.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[bytes] | None = None

    def try_acquire(self) -> bool:
        import fcntl

        file = self._path.open("ab")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return False
        self._file = file
        return True

    def release(self) -> bool:
        if self._file is not None:
            self._file.close()
            self._file = None
        return True


class AdvisoryLock:
    """A PostgreSQL advisory lock, which belongs to the session of one connection.

    Waiting happens in the server, in the order of arrival, for half a second at a time. A lock may
    be held for hours, while shared weights are trained, and its session is kept from idling then;
    a holder that is suspended loses the lock after ten minutes.

    Args:
        engine: SQLAlchemy engine of the storage.
        name: What is locked; hashed to the 64 bits PostgreSQL wants.
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
                if _timed_out(error):
                    self._waiting = connection
                    return False
                _end(connection)  # whether the lock came is unknown
                raise
        self._connection, self._pings = connection, _Pings(connection)
        return True

    def _connect(self) -> Any:
        """Return the connection of a session that may wait for the lock and hold it."""
        connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        try:
            connection.exec_driver_sql(_session_settings(connection))
        except BaseException:
            _end(connection)
            raise
        return connection

    def release(self) -> bool:
        from sqlalchemy.exc import SQLAlchemyError

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
            )  # all: a wait that timed out at the last moment may have got it once more
            held = bool(unlock.scalar())
            connection.exec_driver_sql("RESET ALL")
        except SQLAlchemyError:
            connection.invalidate()
            return False
        finally:
            connection.close()
        return held


class _Pings:
    """Statements on the connection of a lock's holder, each minute until ``end`` is called."""

    def __init__(self, connection: Any) -> None:
        self._connection, self._ended = connection, threading.Event()
        self._thread = threading.Thread(target=self._ping, name="lock", daemon=True)
        self._thread.start()

    def _ping(self) -> None:
        with contextlib.suppress(Exception):  # whoever gives the lock back finds out
            while not self._ended.wait(PING_SECONDS):
                self._connection.exec_driver_sql("SELECT 1")

    def end(self) -> None:
        """Leave the connection to the calling thread."""
        self._ended.set()
        self._thread.join()


def _session_settings(connection: Any) -> str:
    """Return what lets the server see within a minute that the lock's holder has vanished."""
    settings = {
        "lock_timeout": f"{SERVER_WAIT_MS}ms",
        "tcp_keepalives_idle": "10",
        "tcp_keepalives_interval": "5",
        "tcp_keepalives_count": "3",
    }
    if connection.dialect.server_version_info >= (14,):
        settings["idle_session_timeout"] = f"{IDLE_SECONDS}s"
    calls = (f"set_config('{name}', '{value}', false)" for name, value in settings.items())
    return f"SELECT {', '.join(calls)}"


def _end(connection: Any) -> None:
    """End a session, and with it whatever it may hold."""
    connection.invalidate()
    connection.close()


def _timed_out(error: BaseException) -> bool:
    """Tell whether a statement waited too long for a lock (PostgreSQL's code 55P03)."""
    return getattr(getattr(error, "orig", None), "sqlstate", None) == "55P03"


class Holding:
    """Holds a study's lock for a ``with`` block, or until ``release`` is called inside it.

    Args:
        lock: The lock.
        interrupted: Asked while waiting; waiting ends with ``InterruptedError`` when it says so.
    """

    def __init__(self, lock: StudyLock, *, interrupted: Callable[[], bool]) -> None:
        self._lock, self._interrupted = lock, interrupted

    def __enter__(self) -> Holding:
        try:
            while not self._lock.try_acquire():
                if self._interrupted():
                    raise InterruptedError
                time.sleep(POLL_SECONDS)
        except BaseException:
            self._lock.release()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()

    def release(self) -> bool:
        """Give the lock back before the block ends; False where it was lost before."""
        return self._lock.release()


def study_lock(storage: BaseStorage, url: str, name: str) -> StudyLock:
    """Return the lock of a study: beside an SQLite file, in PostgreSQL, else on this machine."""
    path = sqlite_path(url)
    if path is not None:
        return FileLock(path.with_name(f"{path.name}.lock"))
    backend: Any = getattr(storage, "_backend", storage)
    if url.startswith("postgres"):
        return AdvisoryLock(backend.engine, f"study/{name}", url)
    digest = hashlib.sha256(f"{url}/{name}".encode()).hexdigest()[:16]
    return FileLock(Path(tempfile.gettempdir()) / f"study-{digest}.lock")


def schema_lock(url: str) -> StudyLock | None:
    """Return the lock under which a database's tables are made; None where there can be none.

    Raises:
        StorageError: The server of the URL cannot be used.
    """
    check_url(url, create=True)
    path = sqlite_path(url)
    if path is not None:
        return FileLock(path.with_name(f"{path.name}.lock")) if path.parent.is_dir() else None
    if not url.startswith("postgres"):
        return None
    with opening_errors(url):
        from study.storage.rdb import open_engine

        return AdvisoryLock(open_engine(with_driver(url)), "study/schema", url)
