from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.common.redaction import redacted, redacted_url

SECRET = "s3cret"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"postgresql+psycopg://nas:{SECRET}@host/db", "postgresql+psycopg://nas:***@host/db"),
        (f"redis://:{SECRET}@host", "redis://:***@host"),
        ("mysql://u:p/q:r@h/db?charset=utf8", "mysql://u:***@h/db?charset=utf8"),
        (
            f"postgresql://h/d?user=u&password={SECRET}&x=1",
            "postgresql://h/d?user=u&password=***&x=1",
        ),
        ("sqlite:///study.db", "sqlite:///study.db"),
        ("https://example.org:8080/a", "https://example.org:8080/a"),
        ("mail me@example.org", "mail me@example.org"),
    ],
)
def test_only_passwords_are_removed(text: str, shown: str) -> None:
    assert redacted(text) == shown


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql+psycopg://user:{SECRET}@host:5432/db?sslmode=require",
        f"postgresql://user:{SECRET}/with/slashes@host/db",
        f"postgresql://user:a@{SECRET}@host/db",
        f"postgresql://user@corp:{SECRET}@host/db",
        f"postgresql://user:{SECRET} with blanks@host/db",
        f"postgresql:user:{SECRET}@host/db",
        f"host=host password='{SECRET} with blanks' dbname=db",
        f"postgresql://host/db?user=user&password={SECRET}",
    ],
)
def test_a_url_is_shown_without_its_password(url: str) -> None:
    assert SECRET not in redacted_url(url)
    assert "host" in redacted_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:///runs/12:30/study.db",
        "sqlite:////runs/12:30@night/study.db",
        "postgresql://host:5432/db",
        "postgresql://host/db?application_name=a:b",
        "postgresql://me@host:5432/db",
        "postgresql://me@[::1]:5432/db",
        "postgresql://[::1]:5432/db",
    ],
)
def test_a_url_without_a_password_is_shown_unchanged(url: str) -> None:
    assert redacted_url(url) == url


PASSWORDS = st.text(
    st.characters(codec="ascii", categories=["L", "N", "P", "S"], exclude_characters='@"<>'),
    min_size=4,
)


@given(password=PASSWORDS, before=st.text(max_size=9), after=st.text(max_size=9))
def test_any_password_in_a_url_is_removed(password: str, before: str, after: str) -> None:
    shown = redacted(f"{before} postgresql://user:{password}@host/db {after}")
    assert f":{password}@" not in shown
    assert "postgresql://user:***@host/db" in shown
