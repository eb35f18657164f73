"""The storage URL → an Optuna storage that is safe for several processes.

Passwords never leave this file: messages show the URL redacted.
"""

from __future__ import annotations

import difflib
import errno
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from study.errors import StorageError

if TYPE_CHECKING:
    import optuna
    from optuna.storages import BaseStorage

DEFAULT_URL = "sqlite:///study.db"
_T = TypeVar("_T")

DATABASES = ("sqlite", "postgresql", "mysql", "mariadb")


def redacted(url: str) -> str:
    """Return the URL without its password."""
    url = re.sub(r"(://[^/@:\s]*):[^\s]*@", r"\1:***@", url)
    return re.sub(r"([?&](?:password|pwd|sslpassword)=)[^&\s]*", r"\1***", url, flags=re.I)


def sqlite_path(url: str) -> Path | None:
    """Return the file of an SQLite URL, or None for another storage."""
    match = re.match(r"sqlite(?:\+\w+)?:///([^?]+)", url)
    return Path(match.group(1)) if match else None


def open_storage(url: str, *, create: bool = False, read_only: bool = False) -> BaseStorage:
    """Open a storage.

    Args:
        url: URL of a database as SQLAlchemy writes it; for PostgreSQL its own form, too.
        create: Whether the tables, and an SQLite file, are made where they are missing; only one
            process at a time may do that.
        read_only: Open for looking only; nothing can be written through it.

    Raises:
        StorageError: The URL is not one, or the storage cannot be opened.
    """
    check_url(url, create=create)
    with opening_errors(url):
        from optuna.storages._cached_storage import _CachedStorage

        from study.rdb import StudyStorage, read_only_url

        quiet_optuna()
        path = sqlite_path(url)
        opened = read_only_url(path) if path is not None and read_only else with_driver(url)
        return _CachedStorage(StudyStorage(opened, create=create, read_only=read_only))


def when_reachable(open_: Callable[[], _T], *, give_up: Callable[[], bool]) -> _T:
    """Open something in a storage, waiting a minute for a server that is just being restarted.

    Raises:
        StorageError: It cannot be opened.
    """
    from study.rdb import RECONNECT_SECONDS, RETRY_SECONDS, connection_lost

    deadline = time.monotonic() + RECONNECT_SECONDS
    while True:
        try:
            return open_()
        except StorageError as error:
            lost = error.__cause__ is not None and connection_lost(error.__cause__)
            if not lost or give_up() or time.monotonic() > deadline:
                raise
            time.sleep(RETRY_SECONDS)


def with_driver(url: str) -> str:
    """Return PostgreSQL's own form of a URL as SQLAlchemy's, with the driver that is installed."""
    return re.sub(r"^(postgres|postgresql)://", "postgresql+psycopg://", url)


def quiet_optuna() -> None:
    """Let Optuna log errors only: what a trial came to is told by the study itself."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.CRITICAL)


def check_url(url: str, *, create: bool) -> None:
    """Refuse what cannot be the URL of a storage.

    Args:
        url: What was given.
        create: Whether an SQLite file may be missing.

    Raises:
        StorageError: It is not one; with what to write.
    """
    if "://" not in url:
        raise StorageError(f"storage '{url}' is not a URL; for a file write sqlite:///{url}")
    _check_scheme(url)
    path = sqlite_path(url)
    if path is None:
        return
    if path.is_dir():
        raise StorageError(f"storage '{url}': {path} is a folder; name a file in it")
    if not create and not path.exists():
        raise StorageError(
            f"storage '{url}': there is no file {path}; start a study with 'run', or name"
            " another file with --storage or OPTUNA_STORAGE"
        )
    if create and not path.parent.exists():
        raise StorageError(f"storage '{url}': the folder {path.parent} does not exist; make it")


def _check_scheme(url: str) -> None:
    scheme, _, rest = url.partition("://")
    database = scheme.partition("+")[0]
    if database not in (*DATABASES, "postgres"):
        close = difflib.get_close_matches(database, DATABASES, n=1)
        hint = f"did you mean '{close[0]}'?" if close else f"known are {', '.join(DATABASES)}"
        raise StorageError(
            f"storage '{redacted(url)}': no database is called '{database}'; {hint}"
        )
    if database == "sqlite" and (not rest.startswith("/") or rest in ("/", "/:memory:")):
        raise StorageError(f"storage '{url}' names no file; write sqlite:///study.db")
    if rest.partition("?")[0].count("@") > 1:
        raise StorageError(
            f"storage '{redacted(url)}': more than one '@'; in a user name or a password write"
            " it as %40"
        )


@contextmanager
def storage_errors(url: str) -> Iterator[None]:
    """Turn a database's exceptions into one clear ``StorageError``."""
    import sqlalchemy.exc
    from optuna.exceptions import StorageInternalError

    try:
        yield
    except (sqlalchemy.exc.SQLAlchemyError, StorageInternalError) as error:
        raise StorageError(explain(error, url)) from error


@contextmanager
def opening_errors(url: str) -> Iterator[None]:
    """Turn what can go wrong when a storage is opened into one clear ``StorageError``."""
    try:
        with storage_errors(url):
            yield
    except ImportError as error:
        raise StorageError(
            f"storage '{redacted(url)}': its database driver is not installed"
            ' (for PostgreSQL: pip install "study-nas[postgres]" and write postgresql+psycopg://…)'
        ) from error
    except RuntimeError as error:
        if "schema" not in str(error):
            raise
        raise StorageError(f"storage '{redacted(url)}': {error}") from error


def is_database_error(error: BaseException) -> bool:
    """Tell whether an exception comes from a database; imports none of its libraries."""
    kinds = type(error).__mro__
    return any(
        (kind.__module__, kind.__name__)
        in (("sqlalchemy.exc", "SQLAlchemyError"), ("optuna.exceptions", "StorageInternalError"))
        for kind in kinds
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


def explain(error: BaseException, url: str) -> str:
    """Return one line: which storage, what the database said, what to do."""
    said = _root_cause(error)
    fitting = (remedy for sign, remedy in _REMEDIES.items() if sign.lower() in said.lower())
    remedy = next(fitting, "check the storage")
    return (
        f"storage '{redacted(url)}': {redacted(said)}; {remedy}, then run the same command"
        " again: what was finished is kept"
    )


def disk_trouble(error: BaseException) -> str | None:
    """Return one line where a file could not be written for want of room or leave, else None."""
    remedy = _DISK_REMEDIES.get(error.errno or 0) if isinstance(error, OSError) else None
    if remedy is None or not isinstance(error, OSError):
        return None
    where = error.filename or "the folder of artifacts"
    return (
        f"{where}: {error.strerror}; {remedy}, then run the same command"
        " again: what was finished is kept"
    )


_DISK_REMEDIES: Mapping[int, str] = {
    errno.ENOSPC: "free some space, or name another folder with --artifacts",
    errno.EDQUOT: "free some of the quota, or name another folder with --artifacts",
    errno.EFBIG: "raise the limit on the size of files",
    errno.EROFS: "make the disk writable, or name another folder with --artifacts",
    errno.EACCES: "make the folder writable, or name another one with --artifacts",
}


def _root_cause(error: BaseException) -> str:
    """Return the first line of what went wrong first."""
    cause: BaseException = error
    while (before := cause.__cause__ or cause.__context__) is not None:
        cause = before
    original = getattr(cause, "orig", None)
    text = str(original if original is not None else cause).strip()
    return " ".join(text.splitlines()[0].split()) if text else type(cause).__name__


def silent_trial_ids(study: optuna.Study) -> set[int]:
    """Return ids of running trials that had a heartbeat once and have lost it."""
    backend = getattr(study._storage, "_backend", study._storage)
    silent = getattr(backend, "silent_trials", None)
    return set(silent(study._study_id)) if silent else set()


def end_waiting(study: optuna.Study, *, when: Callable[[], bool]) -> None:
    """Let a study's storage stop waiting for a lost server when asked to."""
    backend: Any = getattr(study._storage, "_backend", study._storage)
    backend.interrupted = when


def load_study(storage: BaseStorage, name: str, url: str) -> optuna.Study:
    """Return the stored study of this name.

    Raises:
        StorageError: There is none; the message lists those that there are.
    """
    import optuna

    with storage_errors(url):
        try:
            return optuna.load_study(study_name=name, storage=storage)
        except KeyError:
            names = sorted(optuna.get_all_study_names(storage))
    known = f"it holds: {', '.join(names)}" if names else "it holds no study yet"
    raise StorageError(f"storage '{redacted(url)}' has no study '{name}'; {known}") from None
