"""The storage URL → an Optuna storage that is safe for several processes.

SQLite is opened so that every transaction takes the write lock at its start (``BEGIN
IMMEDIATE``): with Optuna's own settings two workers can pop one queued trial or settle one stale
trial twice. Passwords never leave this file: messages show the URL redacted.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from study.errors import StorageError

if TYPE_CHECKING:
    import optuna
    from optuna.storages import BaseStorage, RDBStorage

DEFAULT_URL = "sqlite:///study.db"
HEARTBEAT_SECONDS = 20
GRACE_SECONDS = 120
"""Six missed heartbeats: a worker of another machine is then taken for dead."""
BUSY_SECONDS = 60


def redacted(url: str) -> str:
    """Return the URL without its password."""
    url = re.sub(r"(://[^/@:]*):[^@/]*@", r"\1:***@", url)
    return re.sub(r"([?&](?:password|pwd|sslpassword)=)[^&]*", r"\1***", url, flags=re.I)


def sqlite_path(url: str) -> Path | None:
    """Return the file of an SQLite URL, or None for another storage."""
    match = re.match(r"sqlite(?:\+\w+)?:///([^?]+)", url)
    return Path(match.group(1)) if match else None


def open_storage(url: str, *, create: bool = False, read_only: bool = False) -> BaseStorage:
    """Open a storage.

    Args:
        url: Any Optuna storage URL.
        create: Whether the tables, and an SQLite file, are made where they are missing; only one
            process at a time may do that.
        read_only: Open for looking only; nothing can be written through it.

    Raises:
        StorageError: The URL is not one, or the storage cannot be opened.
    """
    _check_url(url, create=create)
    with storage_errors(url):
        import optuna
        from optuna.storages._cached_storage import _CachedStorage

        quiet_optuna()
        if not url.startswith(("sqlite", "postgresql", "mysql")):
            return optuna.storages.get_storage(url)
        return _CachedStorage(_open_rdb(url, create=create, read_only=read_only))


def quiet_optuna() -> None:
    """Let Optuna log errors only: what a trial came to is told by the study itself."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.CRITICAL)


def _check_url(url: str, *, create: bool) -> None:
    if "://" not in url:
        raise StorageError(f"storage '{url}' is not a URL; for a file write sqlite:///{url}")
    path = sqlite_path(url)
    if path is None:
        if url.startswith("sqlite"):
            raise StorageError(f"storage '{url}' keeps nothing; write sqlite:///study.db")
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


def _open_rdb(url: str, *, create: bool, read_only: bool) -> RDBStorage:
    from optuna.storages import RDBStorage

    sqlite = sqlite_path(url) is not None
    if read_only and sqlite:
        path = sqlite_path(url)
        url = f"sqlite:///file:{path}?mode=ro&uri=true"

    class StudyStorage(RDBStorage):
        """Leaves the settling of stale trials to the study's own lifecycle."""

        def _get_stale_trial_ids(self, study_id: int) -> list[int]:
            return []

        def silent_trials(self, study_id: int) -> list[int]:
            """Return ids of running trials whose heartbeat has stopped."""
            return super()._get_stale_trial_ids(study_id)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # heartbeats are marked experimental
        storage = StudyStorage(
            url,
            engine_kwargs=_engine_options(sqlite=sqlite),
            heartbeat_interval=HEARTBEAT_SECONDS,
            grace_period=GRACE_SECONDS,
            skip_table_creation=not create,
        )
    if sqlite:
        _make_sqlite_safe(storage, read_only=read_only)
    return storage


def _engine_options(*, sqlite: bool) -> dict[str, Any]:
    if sqlite:
        return {"connect_args": {"timeout": BUSY_SECONDS}}
    return {"pool_pre_ping": True, "pool_size": 3, "max_overflow": 5}


def _make_sqlite_safe(storage: RDBStorage, *, read_only: bool) -> None:
    from sqlalchemy import event

    engine = storage.engine

    @event.listens_for(engine, "connect")
    def _(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # SQLAlchemy's begin event decides, below
        if not read_only:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")

    @event.listens_for(engine, "begin")
    def _(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    engine.dispose()


@contextmanager
def storage_errors(url: str) -> Iterator[None]:
    """Turn a database's exceptions into one clear ``StorageError``."""
    import sqlalchemy.exc
    from optuna.exceptions import StorageInternalError

    try:
        yield
    except (sqlalchemy.exc.SQLAlchemyError, StorageInternalError) as error:
        raise StorageError(explain(error, url)) from error
    except ImportError as error:
        raise StorageError(
            f"storage '{redacted(url)}': its database driver is not installed"
            ' (for PostgreSQL: pip install "study-nas[postgres]" and write postgresql+psycopg://…)'
        ) from error
    except RuntimeError as error:
        if "schema" not in str(error):
            raise
        raise StorageError(f"storage '{redacted(url)}': {error}") from error


_REMEDIES: Mapping[str, str] = {
    "disk is full": "free some space",
    "disk I/O error": "check the disk, and that its quota is not used up",
    "readonly database": "make the file and its folder writable",
    "database is locked": "another program holds the file; close it",
    "unable to open": "check that the folder exists and may be written to",
    "not a database": "the file is not SQLite; name another with --storage",
    "malformed": "the file is damaged; restore a copy",
    "no such table": "the file is not a study database; name another with --storage",
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


def _root_cause(error: BaseException) -> str:
    cause: BaseException = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    original = getattr(cause, "orig", None)
    text = str(original if original is not None else cause).strip()
    return " ".join(text.splitlines()[0].split()) if text else type(cause).__name__


def silent_trial_ids(study: optuna.Study) -> set[int]:
    """Return ids of running trials that had a heartbeat once and have lost it."""
    backend = getattr(study._storage, "_backend", study._storage)
    silent = getattr(backend, "silent_trials", None)
    return set(silent(study._study_id)) if silent else set()


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
