"""One lock for each study: "count, then create" happens in one worker at a time.

A lock is freed by the system when its holder dies, however that happens.
"""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Protocol

from study.storage import sqlite_path, storage_errors

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

POLL_SECONDS = 0.02


class StudyLock(Protocol):
    """Mutual exclusion between the workers of one study."""

    def try_acquire(self) -> bool:
        """Take the lock if it is free; True where it is now held."""

    def release(self) -> None:
        """Give the lock back; nothing happens where it is not held."""


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

    def release(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


class AdvisoryLock:
    """A PostgreSQL advisory lock, held by a connection of its own.

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

    def try_acquire(self) -> bool:
        from sqlalchemy import text

        with storage_errors(self._url):
            connection = self._engine.connect()
            query = text("SELECT pg_try_advisory_lock(:key)")
            held = bool(connection.execute(query, {"key": self._key}).scalar())
            connection.commit()
            if held:
                self._connection = connection
            else:
                connection.close()
            return held

    def release(self) -> None:
        if self._connection is None:
            return
        connection, self._connection = self._connection, None
        connection.invalidate()  # ends the session and with it the lock, also after an error
        connection.close()


class Holding:
    """Holds a study's lock for a ``with`` block, or until ``release`` is called inside it.

    Args:
        lock: The lock.
        interrupted: Asked while waiting; waiting ends with ``InterruptedError`` when it says so.
    """

    def __init__(self, lock: StudyLock, *, interrupted: Callable[[], bool]) -> None:
        self._lock, self._interrupted = lock, interrupted

    def __enter__(self) -> Holding:
        while not self._lock.try_acquire():
            if self._interrupted():
                raise InterruptedError
            time.sleep(POLL_SECONDS)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()

    def release(self) -> None:
        """Give the lock back before the block ends."""
        self._lock.release()


def study_lock(storage: BaseStorage, url: str, name: str) -> StudyLock:
    """Return the lock of a study: beside an SQLite file, in PostgreSQL, else on this machine."""
    path = sqlite_path(url)
    if path is not None:
        return FileLock(path.with_name(f"{path.name}.lock"))
    backend: Any = getattr(storage, "_backend", storage)
    if url.startswith("postgresql"):
        return AdvisoryLock(backend.engine, f"study/{name}", url)
    digest = hashlib.sha256(f"{url}/{name}".encode()).hexdigest()[:16]
    return FileLock(Path(tempfile.gettempdir()) / f"study-{digest}.lock")
