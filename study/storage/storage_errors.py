"""Turn an error of a database or a disk into one clear line: where, what happened, what to do.

Every message shows the URL without its password.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from study.common.errors import StorageError
from study.common.redaction import redacted, redacted_url

_DATABASE_ERRORS = (
    ("sqlalchemy.exc", "SQLAlchemyError"),
    ("optuna.exceptions", "StorageInternalError"),
)

_REMEDIES: Mapping[str, str] = {
    "disk is full": "free some space",
    "disk I/O error": "check the disk, and that its quota is not used up",
    "readonly database": "make the file and its folder writable",
    "database is locked": "another program holds the file; close it",
    "unable to open": "check that the folder exists and may be written to",
    "not a database": "the file is not SQLite; name another with --storage",
    "malformed": "the file is damaged; restore a copy",
    "no such table": "the file is not a study database; name another with --storage",
    'relation "': "it holds no study yet: start one with 'run'",
    "does not exist": "create the database, or correct the URL",
    "password authentication": "correct the user or the password in the URL",
    "Connection refused": "start the server, or correct host and port in the URL",
    "connection": "check that the server runs and can be reached",
}

_DISK_REMEDIES: Mapping[int, str] = {
    errno.ENOSPC: "free some space, or name another folder with --artifacts",
    errno.EDQUOT: "free some of the quota, or name another folder with --artifacts",
    errno.EFBIG: "raise the limit on the size of files",
    errno.EROFS: "make the disk writable, or name another folder with --artifacts",
    errno.EACCES: "make the folder writable, or name another one with --artifacts",
}

_AGAIN = "then run the same command again: what was finished is kept"


@contextmanager
def storage_errors(url: str) -> Iterator[None]:
    """Turn a database's exceptions into one clear ``StorageError``."""
    try:
        yield
    except Exception as error:
        if not is_database_error(error):
            raise
        raise StorageError(explain(error, url)) from error


@contextmanager
def opening_errors(url: str) -> Iterator[None]:
    """Turn the exceptions of opening a storage into one clear ``StorageError``."""
    try:
        with storage_errors(url):
            yield
    except ImportError as error:
        raise StorageError(
            f"storage '{redacted_url(url)}': its database driver is not installed"
            ' (for PostgreSQL: pip install "study-nas[postgres]" and write postgresql+psycopg://…)'
        ) from error
    except RuntimeError as error:
        if "schema" not in str(error):
            raise
        raise StorageError(f"storage '{redacted_url(url)}': {error}") from error


def is_database_error(error: BaseException) -> bool:
    """Return whether an exception comes from a database, without importing its libraries."""
    return any(
        (kind.__module__, kind.__name__) in _DATABASE_ERRORS for kind in type(error).__mro__
    )


def explain(error: BaseException, url: str) -> str:
    """Return one line: the storage, the database's message and a remedy."""
    found = redacted(_root_cause(error), url=url)
    fitting = (remedy for sign, remedy in _REMEDIES.items() if sign.lower() in found.lower())
    remedy = next(fitting, "check the storage")
    return f"storage '{redacted_url(url)}': {found}; {remedy}, {_AGAIN}"


def disk_error(error: BaseException) -> str | None:
    """Return one line if space or permissions prevented writing a file, else None."""
    if not isinstance(error, OSError) or (remedy := _DISK_REMEDIES.get(error.errno or 0)) is None:
        return None
    where = error.filename or "the folder of artifacts"
    return f"{where}: {error.strerror}; {remedy}, {_AGAIN}"


def _root_cause(error: BaseException) -> str:
    """Return the first line of the exception that was raised first."""
    cause: BaseException = error
    while (before := cause.__cause__ or cause.__context__) is not None:
        cause = before
    original = getattr(cause, "orig", None)
    text = str(original if original is not None else cause).strip()
    return " ".join(text.splitlines()[0].split()) if text else type(cause).__name__
