"""The storage URL → an Optuna storage that is safe for several processes.

Messages show the URL redacted_url, see ``problem``.
"""

from __future__ import annotations

import difflib
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from study.common.errors import StorageError
from study.common.redaction import redacted_url
from study.storage.storage_errors import opening_errors, storage_errors

if TYPE_CHECKING:
    import optuna
    from optuna.storages import BaseStorage

DEFAULT_URL = "sqlite:///study.db"
_T = TypeVar("_T")

DATABASES = ("sqlite", "postgresql", "mysql", "mariadb")


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
        from study.storage.rdb import StudyCache, StudyStorage, read_only_url

        quiet_optuna()
        path = sqlite_path(url)
        opened = read_only_url(path) if path is not None and read_only else with_driver(url)
        return StudyCache(StudyStorage(opened, create=create, read_only=read_only))


def when_reachable(open_: Callable[[], _T], *, give_up: Callable[[], bool]) -> _T:
    """Open something in a storage, waiting a minute for a server that is just being restarted.

    Raises:
        StorageError: It cannot be opened.
    """
    from study.storage.rdb import RECONNECT_SECONDS, RETRY_SECONDS, connection_lost

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
    shown = redacted_url(url)
    if "://" not in url:
        raise StorageError(f"storage '{shown}' is not a URL; for a file write sqlite:///{shown}")
    _check_scheme(url)
    path, seen = sqlite_path(url), sqlite_path(shown)
    if path is None or seen is None:
        _check_address(url)
        return
    if path.is_dir():
        raise StorageError(f"storage '{shown}': {seen} is a folder; name a file in it")
    if not create and not path.exists():
        raise StorageError(
            f"storage '{shown}': there is no file {seen}; start a study with 'run', or name"
            " another file with --storage or OPTUNA_STORAGE"
        )
    if create and not path.parent.exists():
        raise StorageError(f"storage '{shown}': the folder {seen.parent} does not exist; make it")


def _check_scheme(url: str) -> None:
    scheme, _, rest = url.partition("://")
    database = re.split(r"[+:]", scheme)[0]
    if database not in (*DATABASES, "postgres"):
        close = difflib.get_close_matches(database, DATABASES, n=1)
        hint = f"did you mean '{close[0]}'?" if close else f"known are {', '.join(DATABASES)}"
        raise StorageError(
            f"storage '{redacted_url(url)}': no database is called '{database}'; {hint}"
        )
    if database == "sqlite" and (not rest.startswith("/") or rest in ("/", "/:memory:")):
        raise StorageError(
            f"storage '{redacted_url(url)}' names no file; write sqlite:///study.db"
        )


def _check_address(url: str) -> None:
    """Refuse what the driver would read otherwise than it was meant, and then tell."""
    rest = url.partition("://")[2]
    address = rest if "?" in rest.partition("@")[0] else rest.partition("?")[0]
    if address.count("@") > 1:
        raise StorageError(
            f"storage '{redacted_url(url)}': more than one '@'; in a user name or a password write"
            " it as %40"
        )
    from sqlalchemy.engine import make_url

    try:
        with storage_errors(url):
            make_url(url)
    except ValueError:
        raise StorageError(
            f"storage '{redacted_url(url)}': the port is not a number; write"
            " postgresql+psycopg://user:password@host:5432/database"
        ) from None


def silent_trial_ids(study: optuna.Study) -> set[int]:
    """Return ids of running trials that had a heartbeat once and have lost it."""
    backend = getattr(study._storage, "_backend", study._storage)
    silent = getattr(backend, "silent_trials", None)
    return set(silent(study._study_id)) if silent else set()


def end_waiting(study: optuna.Study, *, when: Callable[[], bool]) -> None:
    """Let a study's storage stop waiting for a lost server when asked to."""
    backend: Any = getattr(study._storage, "_backend", study._storage)
    backend.interrupted = when


def asked_to_stop(study: optuna.Study) -> bool:
    """Tell whether the process that works on a study was asked to stop, see ``end_waiting``."""
    backend: Any = getattr(study._storage, "_backend", study._storage)
    return bool(backend.interrupted())


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
    raise StorageError(f"storage '{redacted_url(url)}' has no study '{name}'; {known}") from None
