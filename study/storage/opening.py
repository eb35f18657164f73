"""Open the storage of a URL, safe for several processes."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable

import optuna
from optuna.storages import BaseStorage
from sqlalchemy.engine import make_url

from study.common.errors import StorageError
from study.common.redaction import redacted_url
from study.storage.rdb import StudyCache, StudyStorage, backend_of, read_only_url
from study.storage.storage_errors import opening_errors, storage_errors
from study.storage.url import sqlite_path, with_driver

DATABASES = ("sqlite", "postgresql", "mysql", "mariadb")


def open_storage(url: str, *, create: bool = False, read_only: bool = False) -> BaseStorage:
    """Open a storage.

    Args:
        url: URL of a database in SQLAlchemy's form, or in PostgreSQL's own form.
        create: Whether missing tables, or a missing SQLite file, are made. Only one process at a
            time may do that.
        read_only: Whether the database rejects writes.

    Raises:
        StorageError: The URL is not one, or the storage cannot be opened.
    """
    check_url(url, create=create)
    with opening_errors(url):
        quiet_optuna()
        path = sqlite_path(url)
        opened = read_only_url(path) if path is not None and read_only else with_driver(url)
        return StudyCache(StudyStorage(opened, create=create, read_only=read_only))


def quiet_optuna() -> None:
    """Let Optuna log errors only, because the study reports the end of a trial itself."""
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)


def check_url(url: str, *, create: bool) -> None:
    """Check that a text can be the URL of a storage.

    Args:
        create: Whether an SQLite file may be missing.

    Raises:
        StorageError: It cannot, with what to write instead.
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
    """Check for mistakes that a driver misreads, and whose error would show the password."""
    rest = url.partition("://")[2]
    address = rest if "?" in rest.partition("@")[0] else rest.partition("?")[0]
    if address.count("@") > 1:
        raise StorageError(
            f"storage '{redacted_url(url)}': more than one '@'; in a user name or a password write"
            " it as %40"
        )
    try:
        with storage_errors(url):
            make_url(url)
    except ValueError:
        raise StorageError(
            f"storage '{redacted_url(url)}': the port is not a number; write"
            " postgresql+psycopg://user:password@host:5432/database"
        ) from None


def stop_waiting_for_server(study: optuna.Study, *, when: Callable[[], bool]) -> None:
    """Let a study's storage stop waiting for a lost server when ``when`` returns True."""
    backend_of(study._storage).interrupted = when


def load_study(storage: BaseStorage, name: str, url: str) -> optuna.Study:
    """Return the stored study of this name.

    Raises:
        StorageError: There is none. The message lists the studies of the storage.
    """
    with storage_errors(url):
        try:
            return optuna.load_study(study_name=name, storage=storage)
        except KeyError:
            names = sorted(optuna.get_all_study_names(storage))
    known = f"it holds: {', '.join(names)}" if names else "it holds no study yet"
    raise StorageError(f"storage '{redacted_url(url)}' has no study '{name}'; {known}") from None
