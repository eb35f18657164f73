"""A real PostgreSQL server on loopback, in a temporary directory, while a test needs it."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

PASSWORD = "s3cret-w0rd"
USER = "tester"


@lru_cache(maxsize=1)
def missing() -> str | None:
    """Return why no server can be started here, or None where one can."""
    if _folder() is None:
        return "PostgreSQL is not installed (Debian: apt-get install postgresql)"
    if os.geteuid() == 0 and (_account() is None or shutil.which("setpriv") is None):
        return "PostgreSQL does not run as root, and there is no account 'postgres' to run it"
    return None


def _folder() -> Path | None:
    """Return the folder of the server's programs."""
    found = shutil.which("pg_ctl")
    if found and Path(found).with_name("initdb").exists():
        return Path(found).parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name))
    return versions[-1] if versions else None


def _account() -> pwd.struct_passwd | None:
    with contextlib.suppress(KeyError):
        return pwd.getpwnam("postgres")
    return None


@dataclass(kw_only=True)
class Server:
    """A server that can be stopped and started again."""

    folder: Path
    port: int
    """On 127.0.0.1."""
    databases: int = 0

    def url(self, database: str = "postgres", *, password: str = PASSWORD) -> str:
        return f"postgresql+psycopg://{USER}:{password}@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """Create an empty database and return its URL."""
        self.databases += 1
        name = f"studies_{self.databases}"
        self.sql(f"CREATE DATABASE {name}")
        return self.url(name)

    def sql(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Run one statement outside a transaction and return its rows."""
        import psycopg

        url = self.url(database).replace("+psycopg", "")
        with psycopg.connect(url, autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def start(self) -> None:
        """Start the server and wait until it answers."""
        options = f"-c listen_addresses=127.0.0.1 -c port={self.port} -c fsync=off"
        options += f" -c unix_socket_directories={self.folder} -c max_connections=200"
        log = self.folder / "log"
        self._run(
            "pg_ctl", "-D", f"{self.folder}/data", "-l", f"{log}", "-o", options, "-w", "start"
        )

    def stop(self, mode: str = "immediate") -> None:
        """Stop the server. By default every connection is cut, as in a crash."""
        self._run("pg_ctl", "-D", f"{self.folder}/data", "-m", mode, "-w", "stop")

    def create(self) -> None:
        """Make an empty cluster with one user, who has a password."""
        secret = self.folder / "password"
        secret.write_text(PASSWORD, encoding="utf-8")
        if os.geteuid() == 0:
            account = _account()
            assert account is not None
            for path in (self.folder, secret):
                os.chown(path, account.pw_uid, account.pw_gid)
        self._run(
            "initdb", "-D", f"{self.folder}/data", "-U", USER, f"--pwfile={secret}",
            "-A", "scram-sha-256", "-E", "UTF8", "--locale=C", "--no-sync",
        )  # fmt: skip

    def _run(self, program: str, *arguments: str) -> None:
        folder = _folder()
        assert folder is not None
        command = [str(folder / program), *arguments]
        if os.geteuid() == 0:
            user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"]
            command = [*user, *command]
        # a started server would hold a pipe open
        output = subprocess.PIPE if program == "initdb" else subprocess.DEVNULL
        done = subprocess.run(
            command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            text=True, timeout=60,
        )  # fmt: skip
        if done.returncode != 0:
            log = self.folder / "log"
            text = log.read_text("utf-8")[-2000:] if log.exists() else done.stderr
            message = f"{program} failed with {done.returncode}: {text}"
            raise RuntimeError(message)


@contextmanager
def postgres() -> Iterator[Server]:
    """Start a server in a new folder. Stop and remove it at the end."""
    with tempfile.TemporaryDirectory(prefix="study-postgres-", ignore_cleanup_errors=True) as name:
        server = Server(folder=Path(name), port=_free_port())
        server.create()
        server.start()
        try:
            yield server
        finally:
            with contextlib.suppress(RuntimeError):  # a test may have stopped it
                server.stop()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
