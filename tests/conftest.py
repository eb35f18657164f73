"""Storages for tests of whole studies: an SQLite file and a PostgreSQL server."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.postgres_server import Server, missing, postgres

os.environ.setdefault("OMP_NUM_THREADS", "1")  # two test processes on two cores

settings.register_profile("default", deadline=None, max_examples=20)  # no deadline: busy machines
settings.register_profile("thorough", deadline=None, max_examples=100)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """Start one server for all tests that do not stop it."""
    if (reason := missing()) is not None:
        pytest.skip(reason)
    with postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def storage_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of a new storage: a file, then a database of a server."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/study.db"
    server: Server = request.getfixturevalue("postgres_server")
    return server.new_database()
