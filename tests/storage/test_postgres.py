"""The same study on a real PostgreSQL server."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from study.common.errors import StorageError
from study.running.study_runner import run_study
from study.settings.run_context import RunContext
from study.storage.opening import open_storage
from study.storage.stored_study import load_trials
from tests.postgres_server import PASSWORD, Server, missing, postgres
from tests.storage.test_locks import CUT
from tests.studies import answer, command, exactly, invoke, outcome, run_context, settings

needs_postgres = pytest.mark.skipif(missing() is not None, reason=str(missing()))

RUN = ("run", "seed", "--dataset", "digits", "--quiet", "--storage")


def test_a_study_on_postgresql_is_the_study_on_sqlite(
    tmp_path: Path, postgres_server: Server
) -> None:
    url = postgres_server.new_database()
    on_sqlite = run_study(settings(), run_context(tmp_path))
    for trials in (3, 8):
        parts = run_study(settings(trials=trials), RunContext(url=url, artifacts=tmp_path))
    assert outcome(parts.trials) == outcome(on_sqlite.trials)
    again = run_study(settings(), RunContext(url=url, artifacts=tmp_path))
    assert [t.number for t in again.trials] == [t.number for t in parts.trials]


def test_postgresql_s_own_form_of_the_url_is_understood(
    tmp_path: Path, postgres_server: Server
) -> None:
    url = postgres_server.new_database().replace("postgresql+psycopg", "postgres")
    result = run_study(settings(trials=2), RunContext(url=url, artifacts=tmp_path))
    assert len(result.state.finished) == 2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ((PASSWORD, "wr0ng-one"), "correct the user or the password in the URL"),
        (("/studies_", "/nowhere_"), "create the database, or correct the URL"),
    ],
)
def test_a_mistake_in_a_url_gives_one_line_without_the_password(
    postgres_server: Server, change: tuple[str, str], words: str
) -> None:
    url = postgres_server.new_database().replace(*change)
    with pytest.raises(StorageError, match=words) as raised:
        open_storage(url, create=True)
    assert PASSWORD not in str(raised.value)
    assert "wr0ng-one" not in str(raised.value)


@pytest.mark.slow
def test_the_password_is_in_no_output_and_in_no_row(
    tmp_path: Path, postgres_server: Server
) -> None:
    url = postgres_server.new_database()
    arguments = ("--estimator", "synthetic,fail=0.3", "--trials", "4", "--workers", "1")
    run = answer("run", "seed", "--dataset", "digits", *arguments, "--storage", url, cwd=tmp_path)
    report = invoke("report", "seed", "--format", "json", "--storage", url, cwd=tmp_path)
    assert (run[0], report[0]) == (0, 0)
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
    assert PASSWORD not in "\n".join((*run[1:], *report[1:], *rows))


def test_a_storage_opened_for_reading_writes_nothing(postgres_server: Server) -> None:
    url = postgres_server.new_database()
    run_study(settings(trials=1), RunContext(url=url))
    storage = open_storage(url, read_only=True)
    (study,) = storage.get_all_studies()
    with pytest.raises(Exception, match="exception is raised during the commit"):
        storage.set_study_user_attr(study._study_id, "key", 1)


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


@pytest.mark.slow
def test_locks_that_are_lost_repeatedly_change_no_count_and_repeat_no_candidate(
    tmp_path: Path, postgres_server: Server
) -> None:
    url = postgres_server.new_database()
    arguments = ("--estimator", "synthetic,delay=0.02", "--trials", "60", "--workers", "3")
    process = command(*RUN, url, *arguments, cwd=tmp_path)
    while process.poll() is None:
        time.sleep(0.3)
        postgres_server.sql(CUT)
    _, err = process.communicate()
    assert process.returncode == 0, err
    trials = load_trials("seed", url)[1]
    exactly(trials, 60)
    assert any(t.failure and "lock was lost" in t.failure.text for t in trials)


@pytest.mark.slow
@needs_postgres
def test_a_study_continues_when_the_server_was_restarted(tmp_path: Path) -> None:
    with postgres() as server:
        url = server.new_database()
        arguments = ("--estimator", "synthetic,delay=0.4", "--trials", "12", "--workers", "2")
        process = command(*RUN, url, *arguments, cwd=tmp_path)
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


@pytest.mark.slow
@needs_postgres
def test_a_server_that_does_not_come_back_ends_the_run_with_one_line_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("study.storage.rdb.RECONNECT_SECONDS", 1.0)
    asked = settings(estimator="synthetic,delay=0.1", trials=8)
    with postgres() as server:
        context = RunContext(url=server.new_database(), artifacts=tmp_path)
        run_study(asked.with_changes(trials=2), context)
        crash = threading.Timer(0.7, server.stop)
        crash.start()
        with pytest.raises(StorageError, match=r"start the server.*what was finished is kept"):
            run_study(asked, context)
        crash.join()
        server.start()
        result = run_study(asked, context)
    exactly(result.trials, 8)
    whole = run_study(settings(), run_context(tmp_path))
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
@needs_postgres
def test_a_server_that_stops_at_any_statement_ends_the_run_with_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("study.storage.rdb.RECONNECT_SECONDS", 0.1)
    asked = settings(trials=6)
    with postgres() as server:
        context = RunContext(url=server.new_database(), artifacts=tmp_path)
        for statement in (1, 2, 4, 8, 12, 16, 20, 25, 30, 35, 40, 60, 90, 130):
            with (
                pytest.raises(StorageError, match="what was finished is kept"),
                stopped_at(server, statement),
            ):
                run_study(asked, context)
            server.start()
        result = run_study(asked, context)
    exactly(result.trials, 6)
    whole = run_study(asked, run_context(tmp_path))
    assert outcome(result.trials) == outcome(whole.trials)


@pytest.mark.slow
def test_runs_that_start_at_the_same_time_make_one_study(
    tmp_path: Path, postgres_server: Server
) -> None:
    url = postgres_server.new_database()
    arguments = ("--estimator", "synthetic", "--trials", "30", "--workers", "1")
    processes = [command(*RUN, url, *arguments, cwd=tmp_path) for _ in range(4)]
    for process in processes:
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
    exactly(load_trials("seed", url)[1], 30)
