"""Open the storage of a URL, safe for several processes."""

from __future__ import annotations

import re
from collections.abc import Callable

import optuna
from optuna.storages import BaseStorage
from sqlalchemy.engine import make_url

from study.common.choices import suggest
from study.common.errors import StorageError
from study.common.redaction import redacted_url
from study.storage.rdb import StudyCache, StudyStorage, backend_of
from study.storage.storage_errors import opening_errors, storage_errors
from study.storage.url import sqlite_path, with_driver

DATABASES = ("sqlite", "postgresql", "mysql", "mariadb")


def open_storage(url: str, *, create: bool = False, read_only: bool = False) -> BaseStorage:
    """Open a storage.

    Args:
        url: In SQLAlchemy's form, or in PostgreSQL's own form.
        create: Whether missing tables, or a missing SQLite file, are made. Only one process at a
            time may do that.
        read_only: Whether the database rejects writes.
    """
    check_url(url, create=create)
    with opening_errors(url):
        quiet_optuna()
        path = sqlite_path(url)
        read = f"sqlite:///file:{path}?mode=ro&uri=true"
        opened = read if path is not None and read_only else with_driver(url)
        return StudyCache(StudyStorage(opened, create=create, read_only=read_only))


def quiet_optuna() -> None:
    """Let Optuna log errors only, because the study reports the end of a trial itself."""
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)


def check_url(url: str, *, create: bool) -> None:
    """Check that a text can be the URL of a storage.

    Args:
        create: Whether an SQLite file may be missing.
    """
    if (problem := _url_problem(url, create=create)) is not None:
        raise StorageError(f"storage '{redacted_url(url)}': {problem}")


def _url_problem(url: str, *, create: bool) -> str | None:
    scheme, separator, rest = url.partition("://")
    if not separator:
        return f"it is not a URL; for a file write sqlite:///{redacted_url(url)}"
    database = re.split(r"[+:]", scheme)[0]
    if database not in (*DATABASES, "postgres"):
        return f"no database is called '{database}'; {suggest(database, DATABASES)}"
    if database == "sqlite" and (not rest.startswith("/") or rest in ("/", "/:memory:")):
        return "it names no file; write sqlite:///study.db"
    path, shown = sqlite_path(url), sqlite_path(redacted_url(url))
    if path is None or shown is None:
        return _address_problem(url)
    if path.is_dir():
        return f"{shown} is a folder; name a file in it"
    if not create and not path.exists():
        return (
            f"there is no file {shown}; start a study with 'run', or name another file with"
            " --storage or OPTUNA_STORAGE"
        )
    if create and not path.parent.exists():
        return f"the folder {shown.parent} does not exist; make it"
    return None


def _address_problem(url: str) -> str | None:
    """Find mistakes that a driver misreads. The driver's error would show the password."""
    rest = url.partition("://")[2]
    address = rest if "?" in rest.partition("@")[0] else rest.partition("?")[0]
    if address.count("@") > 1:
        return "more than one '@'; in a user name or a password write it as %40"
    try:
        with storage_errors(url):
            make_url(url)
    except ValueError:
        return (
            "the port is not a number; write postgresql+psycopg://user:password@host:5432/database"
        )
    return None


def stop_waiting_for_server(study: optuna.Study, *, when: Callable[[], bool]) -> None:
    """Let a study's storage stop waiting for a lost server when ``when`` returns True."""
    backend_of(study._storage).interrupted = when
