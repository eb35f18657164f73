from __future__ import annotations

import socket
import threading
from pathlib import Path

import optuna
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from study.common.errors import StorageError
from study.dashboard.study_page import new_pages
from study.report.trial_document import study_list
from study.running.study_runner import run_study
from study.storage.opening import check_url, open_storage
from study.storage.storage_errors import explain
from study.storage.stored_study import FORMAT, FORMAT_KEY, SETTINGS, open_study
from tests.studies import run_context, settings

SECRET = "s3cret"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("study.db", "is not a URL; for a file write sqlite:///study.db"),
        ("postgre://h/d", "no database is called 'postgre'; did you mean 'postgresql'?"),
        ("sqlit:///x.db", "did you mean 'sqlite'?"),
        ("mongodb://h/d", "choose from: sqlite, postgresql, mysql, mariadb"),
        ("sqlite://", "names no file; write sqlite:///study.db"),
        ("sqlite:///", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("sqlite:///nowhere/there/x.db", "the folder nowhere/there does not exist; make it"),
        (f"mysql://user:{SECRET}@127.0.0.1/d", "its database driver is not installed"),
        (f"postgresql+asyncpgx://user:{SECRET}@h/d", "check the storage"),
        (f"postgresql://user:{SECRET}@@127.0.0.1/d", "more than one '@'"),
        (f"postgresql://me@corp:{SECRET}@h/d", "more than one '@'; in a user name"),
        (f"postgresql://me:{SECRET}?@x@h/d", "more than one '@'"),
        (f"postgrs://me@corp:{SECRET}@h/d", "did you mean 'postgresql'?"),
        (f"me:{SECRET}://@h/d", "no database is called 'me'"),
        (f"postgresql:me:{SECRET}@h/d", "is not a URL"),
        (f"me:{SECRET}@h/d", "is not a URL"),
        (f"host=h password={SECRET} dbname=d", "is not a URL"),
        (f"sqlite:///me:{SECRET}/x@h/d", "does not exist; make it"),
        (f"postgresql://me:{SECRET}/d", "the port is not a number; write postgresql+psycopg://"),
        (f"postgresql://me:{SECRET}@h:port/d", "the port is not a number"),
    ],
)
def test_a_wrong_url_gives_one_clear_line(url: str, words: str) -> None:
    with pytest.raises(StorageError) as raised:
        open_storage(url, create=True)
    text = str(raised.value)
    assert words in text
    assert SECRET not in text
    assert "\n" not in text


def test_a_folder_and_a_missing_file_have_different_messages(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="is a folder; name a file in it"):
        open_storage(f"sqlite:///{tmp_path}", create=True)
    with pytest.raises(StorageError, match=r"there is no file .*start a study with 'run'"):
        open_storage(f"sqlite:///{tmp_path}/x.db")
    assert not (tmp_path / "x.db").exists()


@pytest.mark.parametrize(
    "form", ["sqlite:///{}", "sqlite+pysqlite:///{}", "sqlite:///{}?timeout=9"]
)
def test_every_form_of_an_sqlite_url_opens_its_file(tmp_path: Path, form: str) -> None:
    open_storage(form.format(tmp_path / "x.db"), create=True)
    assert (tmp_path / "x.db").is_file()


def test_a_queued_trial_is_found_and_run_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/x.db"
    study = optuna.create_study(storage=open_storage(url, create=True), study_name="s")
    study.enqueue_trial({"x": 0.25})
    other = optuna.load_study(storage=open_storage(url), study_name="s")
    assert other.ask().suggest_float("x", 0.0, 1.0) == 0.25
    assert study.ask().number == 1
    assert [t.state.name for t in other.get_trials()] == ["RUNNING", "RUNNING"]


@pytest.mark.parametrize(
    "strange", [{"lr": 0.1}, 3, None, "", "none of ours", '{"epochs": 3}', '{"study": 5}']
)
def test_a_study_of_another_program_is_an_error_and_not_in_the_list(
    tmp_path: Path, strange: object
) -> None:
    url = run_context(tmp_path).url
    run_study(settings(trials=1), run_context(tmp_path))
    other = optuna.create_study(storage=open_storage(url), study_name="strange")
    other.set_user_attr(SETTINGS, strange)
    with pytest.raises(StorageError, match=r"^study 'strange' in .*by another.*--study") as raised:
        open_study("strange", url)
    assert "\n" not in str(raised.value)
    assert [row[0] for row in study_list(url).rows] == ["test"]
    assert list(new_pages(url, None, known=())) == ["test"]


def test_a_study_of_an_older_form_is_one_clear_error_wherever_it_is_opened(tmp_path: Path) -> None:
    context = run_context(tmp_path)
    stored = run_study(settings(trials=1), context).stored
    stored.study.set_user_attr(FORMAT_KEY, FORMAT - 1)
    message = f"stored form is {FORMAT - 1}, and this version reads {FORMAT}; "
    with pytest.raises(StorageError, match=message):
        open_study("test", context.url)
    with pytest.raises(StorageError, match=message):
        run_study(settings(trials=2), context)


def test_a_missing_server_is_named_without_the_password() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(
        StorageError, match=r"user:\*\*\*@.*start the server, or correct"
    ) as raised:
        open_storage(f"postgresql://user:{SECRET}@127.0.0.1:{port}/d", create=True)
    assert SECRET not in str(raised.value)


def test_a_silent_server_is_an_error_within_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("study.storage.rdb.CONNECT_SECONDS", 2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"postgresql://user:{SECRET}@127.0.0.1:{silent.getsockname()[1]}/d"
        with pytest.raises(StorageError, match="check that the server runs and can be reached"):
            open_storage(url, create=True)
    assert threading.active_count() < 20


ODD = st.text(":/?#@[]%&='+ a1", max_size=6)


@given(
    start=st.sampled_from(
        ("postgresql://", "postgrs://", "mysql://", "sqlite://", "sqlite:///", "postgresql:", "")
    ),
    user=st.sampled_from(("me", "me@corp", "", "a user")),
    password=st.tuples(ODD, ODD),
    end=st.sampled_from(("@h/d", "@h", "@h:5432/d", "@h:port/d", "@[::1]/d", "@h/d?sslmode=x")),
)
def test_no_message_about_a_mistyped_url_shows_its_password(
    start: str, user: str, password: tuple[str, str], end: str
) -> None:
    assume(start or not password[0].startswith("//"))  # "me://…" has no password but a user
    url = f"{start}{user}:{password[0]}{SECRET}{password[1]}{end}"
    messages = [explain(ValueError(f"no good: '{url}'"), url)]
    try:
        check_url(url, create=True)
    except StorageError as error:
        messages.append(str(error))
    assert SECRET not in " ".join(messages)
