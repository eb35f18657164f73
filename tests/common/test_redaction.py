from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.common.redaction import redacted


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql+psycopg://nas:s3cret@host/db", "postgresql+psycopg://nas:***@host/db"),
        ("redis://:s3cret@host", "redis://:***@host"),
        ("mysql://u:p/q:r@h/db?charset=utf8", "mysql://u:***@h/db?charset=utf8"),
        (
            "postgresql://h/db?user=u&password=s3cret&x=1",
            "postgresql://h/db?user=u&password=***&x=1",
        ),
        ("sqlite:///study.db", "sqlite:///study.db"),
        ("https://example.org:8080/a", "https://example.org:8080/a"),
        ("mail me@example.org", "mail me@example.org"),
    ],
)
def test_only_passwords_are_taken_out(text: str, shown: str) -> None:
    assert redacted(text) == shown


PASSWORDS = st.text(
    st.characters(codec="ascii", categories=["L", "N", "P", "S"], exclude_characters='@"<>'),
    min_size=4,
)


@given(password=PASSWORDS, before=st.text(max_size=9), after=st.text(max_size=9))
def test_a_password_in_a_url_never_gets_through(password: str, before: str, after: str) -> None:
    shown = redacted(f"{before} postgresql://user:{password}@host/db {after}")
    assert f":{password}@" not in shown
    assert "postgresql://user:***@host/db" in shown
