"""The same study on a real PostgreSQL server."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine, event
from sqlalchemy.exc import DBAPIError

from study.common.errors import StorageError
from study.running.study_runner import run_study
from study.settings.run_context import RunContext
from study.storage.lifecycle import study_state
from study.storage.locks import AdvisoryLock
from study.storage.opening import open_storage
from study.storage.rdb import connection_lost, open_engine
from study.storage.records import TrialRecord
from study.storage.stored_study import load_trials
from tests.postgres_server import PASSWORD, Server, missing, postgres
from tests.studies import answer, command, outcome, settings


def exactly(trials: tuple[TrialRecord, ...], count: int) -> None:
    """Check the guarantees for any number of workers: an exact count, and no candidate twice."""
    state = study_state(trials, retries=1000)
    assert len(state.finished) == count
    trained = [state.latest[index].candidate_id for index in state.finished]
    assert len(set(trained)) == count
    assert not [t for t in trials if t.state == "running"]


def test_a_study_on_postgresql_is_the_study_on_sqlite(
    tmp_path: Path, postgres_server: Server
) -> None:
    url = postgres_server.new_database()
    on_sqlite = run_study(settings(), RunContext(url=f"sqlite:///{tmp_path}/study.db"))
    for trials in (3, 8):
        parts = run_study(settings(trials=trials), RunContext(url=url, artifacts=tmp_path))
    assert outcome(parts.trials) == outcome(on_sqlite.trials)
    again = run_study(settings(), RunContext(url=url, artifacts=tmp_path))
    assert [t.number for t in again.trials] == [t.number for t in parts.trials]


def test_postgresqls_own_form_of_the_url_is_understood(
    tmp_path: Path, postgres_server: Server
) -> None:
    url = postgres_server.new_database().replace("postgresql+psycopg", "postgres")
    result = run_study(settings(trials=2), RunContext(url=url, artifacts=tmp_path))
    assert len(result.state.finished) == 2


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ((PASSWORD, "wr0ng-one"), "correct the user or the password in the URL"),
        (("/studies_", "/nowhere_"), "create the database, or correct the URL"),
    ],
)
def test_what_is_wrong_with_a_url_is_said_in_one_line(
    postgres_server: Server, change: tuple[str, str], said: str
) -> None:
    url = postgres_server.new_database().replace(*change)
    with pytest.raises(StorageError, match=said) as raised:
        open_storage(url, create=True)
    assert PASSWORD not in str(raised.value)
    assert "wr0ng-one" not in str(raised.value)


@pytest.mark.slow
def test_the_password_is_in_no_output_and_in_no_row(
    tmp_path: Path, postgres_server: Server
) -> None:
    url = postgres_server.new_database()
    code, out, err = answer(
        "run", "seed", "--dataset", "digits", "--estimator", "synthetic,fail=0.3",
        "--trials", "4", "--workers", "1", "--storage", url, cwd=tmp_path,
    )  # fmt: skip
    assert code == 0
    database = url.rpartition("/")[2]
    tables = postgres_server.sql(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'", database
    )
    rows = [
        str(row)
        for (table,) in tables
        for row in postgres_server.sql(f"SELECT t::text FROM {table} t", database)
    ]
    assert len(rows) > 50
    assert PASSWORD not in "\n".join((out, err, *rows))
    said = answer("report", "seed", "--format", "json", "--storage", url, cwd=tmp_path)
    assert said[0] == 0
    assert PASSWORD not in said[1] + said[2]


def test_a_storage_opened_for_reading_writes_nothing(postgres_server: Server) -> None:
    url = postgres_server.new_database()
    run_study(settings(trials=1), RunContext(url=url))
    storage = open_storage(url, read_only=True)
    (study,) = storage.get_all_studies()
    with pytest.raises(Exception, match="exception is raised during the commit"):
        storage.set_study_user_attr(study._study_id, "key", 1)


def lock(url: str) -> AdvisoryLock:
    return AdvisoryLock(open_engine(url), "study/test", url)


def test_a_lock_keeps_others_out_until_it_is_given_back(postgres_server: Server) -> None:
    url = postgres_server.new_database()
    first, second = lock(url), lock(url)
    assert first.try_acquire()
    assert not second.try_acquire()
    assert first.release()
    assert second.try_acquire()
    assert second.release()
    assert second.release()  # nothing happens where it is not held


def test_a_lock_whose_connection_was_cut_says_so_and_is_free(postgres_server: Server) -> None:
    url = postgres_server.new_database()
    first, second = lock(url), lock(url)
    assert first.try_acquire()
    postgres_server.sql(CUT)
    assert second.try_acquire()
    assert not first.release()
    assert second.release()


def test_a_lock_is_waited_for_in_one_session_until_it_comes_or_nobody_wants_it(
    postgres_server: Server,
) -> None:
    url = postgres_server.new_database()
    first, second = lock(url), lock(url)
    assert first.try_acquire()
    sessions = set()
    for _ in range(3):
        assert not second.try_acquire()
        sessions |= {row[0] for row in postgres_server.sql(WAITED)}
    assert len(sessions) == 1
    assert second.release()  # it waits no longer
    assert not postgres_server.sql(WAITED)
    assert not second.try_acquire()
    assert first.release()
    assert second.try_acquire()
    assert second.release()


@pytest.fixture
def impatient_server(postgres_server: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """Let the server end an idle session of a lock after a second."""
    (version,) = postgres_server.sql("SHOW server_version_num")
    if int(str(version[0])) < 140000:
        pytest.skip("only PostgreSQL 14 or newer ends idle sessions")
    monkeypatch.setattr("study.storage.locks.IDLE_SECONDS", 1)
    monkeypatch.setattr("study.storage.locks.PING_SECONDS", 0.2)
    return postgres_server


def test_a_lock_is_kept_however_long_it_is_held(impatient_server: Server) -> None:
    url = impatient_server.new_database()
    first, second = lock(url), lock(url)
    assert first.try_acquire()
    time.sleep(1.8)
    assert not second.try_acquire()
    assert first.release()
    assert not [thread for thread in threading.enumerate() if thread.name == "lock"]


def test_a_holder_that_is_suspended_loses_the_lock_and_learns_of_it(
    impatient_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("study.storage.locks.PING_SECONDS", 60.0)  # as if it did not run
    url = impatient_server.new_database()
    first, second = lock(url), lock(url)
    assert first.try_acquire()
    time.sleep(1.8)
    assert second.try_acquire()
    assert not first.release()
    assert second.release()


def test_a_session_that_idled_for_too_long_is_a_lost_connection(impatient_server: Server) -> None:
    with open_engine(impatient_server.new_database()).connect() as connection:
        connection.exec_driver_sql("SET idle_session_timeout = '100ms'")
        connection.commit()
        time.sleep(0.5)
        with pytest.raises(DBAPIError) as raised:
            connection.exec_driver_sql("SELECT 1")
    assert getattr(raised.value.orig, "sqlstate", None) == "57P05"
    assert connection_lost(raised.value)


def until_finished(server: Server, url: str, count: int) -> None:
    """Wait until a study has this many finished trials."""
    database = url.rpartition("/")[2]
    for _ in range(600):
        try:
            (row,) = server.sql("SELECT count(*) FROM trials WHERE state = 'COMPLETE'", database)
        except Exception:  # noqa: BLE001 - no tables yet
            row = (0,)
        if row[0] >= count:  # type: ignore[operator]
            return
        time.sleep(0.1)
    raise AssertionError(f"not {count} trials in a minute")


WAITED = """SELECT pid FROM pg_stat_activity WHERE query LIKE '%pg_advisory_lock(%'
AND state = 'idle' AND pid NOT IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory')"""
CUT = """SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted"""


@pytest.mark.slow
def test_locks_that_are_lost_again_and_again_cost_neither_the_count_nor_a_candidate_twice(
    tmp_path: Path, postgres_server: Server
) -> None:
    url = postgres_server.new_database()
    process = command(
        "run", "seed", "--dataset", "digits", "--estimator", "synthetic,delay=0.02",
        "--trials", "60", "--workers", "3", "--quiet", "--storage", url, cwd=tmp_path,
    )  # fmt: skip
    while process.poll() is None:
        time.sleep(0.3)
        postgres_server.sql(CUT)
    _, err = process.communicate()
    assert process.returncode == 0, err
    trials = load_trials("seed", url)[1]
    exactly(trials, 60)
    assert any(t.failure and "lock was lost" in t.failure.text for t in trials)


@pytest.mark.slow
@pytest.mark.skipif(missing() is not None, reason=str(missing()))
def test_a_study_goes_on_when_the_server_was_restarted(tmp_path: Path) -> None:
    with postgres() as server:
        url = server.new_database()
        process = command(
            "run", "seed", "--dataset", "digits", "--estimator", "synthetic,delay=0.4",
            "--trials", "12", "--workers", "2", "--quiet", "--storage", url, cwd=tmp_path,
        )  # fmt: skip
        for finished in (2, 6):
            until_finished(server, url, finished)
            server.stop()
            time.sleep(2)
            server.start()
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        trials = load_trials("seed", url)[1]
    exactly(trials, 12)
    assert PASSWORD not in out + err


@pytest.mark.skipif(missing() is not None, reason=str(missing()))
@pytest.mark.slow
def test_a_server_that_does_not_come_back_ends_the_run_with_one_line_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("study.storage.rdb.RECONNECT_SECONDS", 1.0)
    asked = settings(estimator="synthetic,delay=0.1", trials=8)
    with postgres() as server:
        run_context = RunContext(url=server.new_database(), artifacts=tmp_path)
        run_study(settings(estimator="synthetic,delay=0.1", trials=2), run_context)
        crash = threading.Timer(0.7, server.stop)
        crash.start()
        with pytest.raises(StorageError, match=r"start the server.*what was finished is kept"):
            run_study(asked, run_context)
        crash.join()
        server.start()
        result = run_study(asked, run_context)
    exactly(result.trials, 8)
    whole = run_study(
        settings(estimator="synthetic", trials=8), RunContext(url=f"sqlite:///{tmp_path}/study.db")
    )
    assert outcome(result.trials) == outcome(whole.trials)


@contextmanager
def stopped_at(server: Server, statement: int) -> Iterator[None]:
    """Stop a server for good right before a statement is sent to it."""
    lock, sent = threading.Lock(), 0

    def count(*_: object) -> None:
        nonlocal sent
        with lock:
            sent += 1
            if sent == statement:
                server.stop()

    event.listen(Engine, "before_cursor_execute", count)
    try:
        yield
    finally:
        event.remove(Engine, "before_cursor_execute", count)
    assert sent >= statement, f"only {sent} statements were sent"


@pytest.mark.slow
def test_a_server_that_goes_away_at_any_statement_ends_the_run_with_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("study.storage.rdb.RECONNECT_SECONDS", 0.1)
    asked = settings(estimator="synthetic", trials=6)
    with postgres() as server:
        run_context = RunContext(url=server.new_database(), artifacts=tmp_path)
        for statement in (1, 2, 4, 8, 12, 16, 20, 25, 30, 35, 40, 60, 90, 130):
            with (
                pytest.raises(StorageError, match="what was finished is kept"),
                stopped_at(server, statement),
            ):
                run_study(asked, run_context)
            server.start()
        result = run_study(asked, run_context)
    exactly(result.trials, 6)
    whole = run_study(asked, RunContext(url=f"sqlite:///{tmp_path}/study.db"))
    assert outcome(result.trials) == outcome(whole.trials)


@pytest.mark.slow
def test_parents_that_start_at_once_make_one_study(
    tmp_path: Path, postgres_server: Server
) -> None:
    url = postgres_server.new_database()
    arguments = (
        "run", "seed", "--dataset", "digits", "--estimator", "synthetic", "--trials", "30",
        "--workers", "1", "--quiet", "--storage", url,
    )  # fmt: skip
    processes = [command(*arguments, cwd=tmp_path) for _ in range(4)]
    for process in processes:
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
    exactly(load_trials("seed", url)[1], 30)
