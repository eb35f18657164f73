"""Optuna's SQL storage, made safe for several processes and patient with a server that restarts.

On SQLite every transaction takes the write lock at its start (``BEGIN IMMEDIATE``). With Optuna's
own settings two workers can take one queued trial, or mark one dead trial twice. PostgreSQL needs
none of that. There the storage waits for a lost server, so that a training of an hour does not end
because the server restarts.
"""

from __future__ import annotations

import sqlite3
import time
import warnings
import weakref
from collections.abc import Callable, Container, Sequence
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.storages import BaseStorage, RDBStorage
from optuna.storages._cached_storage import _CachedStorage
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from study.common.errors import StorageError

HEARTBEAT_SECONDS = 20
GRACE_SECONDS = 120
"""Six missed heartbeats. A worker of another machine then counts as dead."""
BUSY_SECONDS = 60
RECONNECT_SECONDS = 60.0
RETRY_SECONDS = 0.5
CONNECT_SECONDS = 5
QUEUED = (TrialState.WAITING,)

_T = TypeVar("_T")
_P = ParamSpec("_P")


def patient(method: Callable[Concatenate[Any, _P], _T]) -> Callable[Concatenate[Any, _P], _T]:
    """Make a method of the storage patient. It must be harmless to call it twice."""

    def waiting(self: Any, /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        storage: StudyStorage = self
        return storage.patiently(lambda: method(storage, *args, **kwargs))

    return waiting


class StudyStorage(RDBStorage):
    """Optuna's storage that waits for a lost server and runs no heartbeat of its own."""

    def __init__(self, url: str, *, create: bool, read_only: bool) -> None:
        self.interrupted: Callable[[], bool] = lambda: False
        """Asked while waiting for a lost server. Waiting ends when it returns True."""
        self._patient = False
        sqlite = url.startswith("sqlite")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # heartbeats are marked experimental
            try:
                super().__init__(
                    url,
                    engine_kwargs=_engine_options(url, read_only=read_only),
                    heartbeat_interval=HEARTBEAT_SECONDS,
                    grace_period=GRACE_SECONDS,
                    skip_table_creation=not create,
                )
            except BaseException:
                if hasattr(self, "engine"):
                    self.engine.dispose()
                raise
        if sqlite:
            _make_sqlite_safe(self, url, read_only=read_only)
        self._patient = not sqlite
        weakref.finalize(self, self.engine.dispose)  # closes the connections

    def get_heartbeat_interval(self) -> int | None:
        """Return None, because Optuna's own heartbeat ends at the first lost connection."""
        return None

    silent_trials = patient(RDBStorage._get_stale_trial_ids)
    """Returns ids of running trials whose heartbeat has stopped, by the database's clock."""
    record_heartbeat = patient(RDBStorage.record_heartbeat)
    get_study_user_attrs = patient(RDBStorage.get_study_user_attrs)
    set_study_user_attr = patient(RDBStorage.set_study_user_attr)
    get_trial = patient(RDBStorage.get_trial)
    _get_trials = patient(RDBStorage._get_trials)
    _set_trial_param = patient(RDBStorage._set_trial_param)
    set_trial_user_attr = patient(RDBStorage.set_trial_user_attr)
    set_trial_system_attr = patient(RDBStorage.set_trial_system_attr)
    set_trial_intermediate_value = patient(RDBStorage.set_trial_intermediate_value)

    def set_trial_state_values(
        self, trial_id: int, state: TrialState, values: Sequence[float] | None = None
    ) -> bool:
        """Finish a trial. A trial that an unanswered attempt has finished counts as success."""
        attempts = 0

        def attempt() -> bool:
            nonlocal attempts
            attempts += 1
            try:
                return RDBStorage.set_trial_state_values(self, trial_id, state, values)
            except UpdateFinishedTrialError:
                if attempts == 1:
                    raise
                stored = self.get_trial(trial_id)
                if (stored.state, stored.values) != (state, values and list(values)):
                    raise
                return True

        return self.patiently(attempt)

    def patiently(self, call: Callable[[], _T]) -> _T:
        """Return the result of a call. Wait for the server while it is lost."""
        if not self._patient:
            return call()
        return retry_while_lost(call, give_up=self.interrupted, reset=self.scoped_session.remove)


class StudyCache(_CachedStorage):
    """Optuna's cache of finished trials, with a cheap answer for queued trials.

    ``Study.ask`` asks for the queued trials each time, and Optuna's cache then reads all running
    ones. Here that costs one query that finds nothing.
    """

    def get_all_trials(
        self,
        study_id: int,
        deepcopy: bool = True,
        states: Container[TrialState] | None = None,
    ) -> list[FrozenTrial]:
        if states == QUEUED and not self._backend._get_trials(study_id, states, set(), -1):
            return []
        return super().get_all_trials(study_id, deepcopy=deepcopy, states=states)


def backend_of(storage: BaseStorage) -> StudyStorage:
    """Return the storage behind its cache."""
    backend = getattr(storage, "_backend", storage)
    assert isinstance(backend, StudyStorage)
    return backend


def retry_while_lost(
    call: Callable[[], _T],
    *,
    give_up: Callable[[], bool],
    reset: Callable[[], object] = lambda: None,
) -> _T:
    """Return the result of a call. Repeat the call up to a minute while the server is lost.

    Args:
        give_up: Asked after each failed call. The error is raised where it returns True.
        reset: Called before each new attempt.
    """
    deadline = None
    while True:
        try:
            return call()
        except (StorageInternalError, StorageError) as error:
            now = time.monotonic()
            deadline = deadline or now + RECONNECT_SECONDS
            if not connection_lost(error) or now > deadline or give_up():
                raise
        reset()
        time.sleep(RETRY_SECONDS)


def connection_lost(error: BaseException) -> bool:
    """Return whether a database's exception means that the server could not be reached.

    PostgreSQL's codes (its manual, appendix A): class 08 is the connection, 57P01 to 57P03 a
    server that stops or starts, 57P05 a session that was idle for too long, 53300 too many
    connections. The client raises an error without a code where a connection broke or could not
    be made.
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, DBAPIError) and _is_lost(cause):
            return True
        cause = cause.__cause__ or cause.__context__
    return False


def _is_lost(error: DBAPIError) -> bool:
    code = getattr(error.orig, "sqlstate", None)
    if isinstance(error.orig, sqlite3.Error):
        return False  # waiting does not bring a file back
    if code is None:
        return type(error).__name__ in ("OperationalError", "InterfaceError")
    return str(code).startswith("08") or code in ("57P01", "57P02", "57P03", "57P05", "53300")


def open_engine(url: str) -> Engine:
    """Return an engine for a PostgreSQL server whose connections are closed after use."""
    return create_engine(
        url, connect_args=_postgres_arguments(url, read_only=False), poolclass=NullPool
    )


def _engine_options(url: str, *, read_only: bool) -> dict[str, Any]:
    if url.startswith("sqlite"):
        return {"connect_args": {"timeout": BUSY_SECONDS}}
    options: dict[str, Any] = {"pool_pre_ping": True, "pool_size": 2, "max_overflow": 6}
    if url.startswith("postgresql"):
        options["connect_args"] = _postgres_arguments(url, read_only=read_only)
    return options


def _postgres_arguments(url: str, *, read_only: bool) -> dict[str, Any]:
    """Return parameters of libpq that detect a vanished server within seconds."""
    arguments: dict[str, Any] = {
        "connect_timeout": CONNECT_SECONDS,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "application_name": "study-nas",
    }
    if read_only:
        arguments["options"] = "-c default_transaction_read_only=on"
    given = make_url(url).query
    return {name: value for name, value in arguments.items() if name not in given}


def _make_sqlite_safe(storage: RDBStorage, url: str, *, read_only: bool) -> None:
    engine, check = storage.engine, _file_check(Path(make_url(url).database or ""))

    @event.listens_for(engine, "connect")
    def _(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # SQLAlchemy's begin event decides, below
        if not read_only:
            check()  # before the first statement, which would make a new, empty file
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")

    @event.listens_for(engine, "begin")
    def _(connection: Any) -> None:
        if not read_only:
            check()
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    engine.dispose()


def _file_check(path: Path) -> Callable[[], None]:
    """Return a check that a file was not replaced, because SQLite writes into a removed one."""

    def identity() -> tuple[int, int] | None:
        try:
            found = path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino

    before = identity()

    def check() -> None:
        if before is not None and identity() != before:
            raise StorageError(
                f"storage '{path}': the file has vanished or was replaced; put it"
                " back and run the same command again, or start a new study without it"
            )

    return check
