"""optuna-dashboard on the study's storage, reachable from this machine only."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import optuna_dashboard

from study.common.artifact_path import ArtifactPath
from study.common.errors import StorageError
from study.common.redaction import redacted
from study.common.stop import INTERRUPTED
from study.dashboard.observers import refresh_all_pages
from study.dashboard.store import artifact_store
from study.storage.opening import open_storage

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]

HOST = "127.0.0.1"
_OWN_NAMES = (HOST, "localhost", "[::1]")
_READING = ("GET", "HEAD", "OPTIONS")
_FILE_HEADERS = frozenset({"content-length", "last-modified", "etag", "accept-ranges"})

_STYLE = b"""<style>
p.MuiTypography-body1 { white-space: normal; overflow-wrap: anywhere; }
</style></head>"""
"""Without it, a long attribute such as an architecture makes a trial's page very wide."""


def serve(url: str, *, port: int, read_only: bool, artifacts: ArtifactPath | None) -> int:
    """Serve the dashboard until Ctrl-C and return the exit code.

    The dashboard has no login, so it listens on the loopback address only. With ``read_only``
    it refuses every request that could change something.
    """
    application = dashboard_application(url, read_only=read_only, artifacts=artifacts)
    try:
        server = make_server(HOST, port, application, handler_class=_Silent)
    except OSError as error:
        raise StorageError(f"port {port}: {error.strerror}; choose another with --port") from error
    if not read_only:
        threading.Thread(target=refresh_all_pages, args=(url, artifacts), daemon=True).start()
    mode = " (read-only)" if read_only else ""
    print(f"dashboard of {redacted(url)}{mode}: http://{HOST}:{port}", file=sys.stderr, flush=True)  # noqa: T201
    with server:
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return INTERRUPTED
    return 0


def dashboard_application(
    url: str, *, read_only: bool, artifacts: ArtifactPath | None
) -> Application:
    """Return the dashboard as a WSGI application."""
    storage = open_storage(url, read_only=read_only)
    store = artifact_store(artifacts, url)
    application = _with_wrapped_lines(optuna_dashboard.wsgi(storage, artifact_store=store))
    return _guarded(application, read_only=read_only)


def _guarded(application: Application, *, read_only: bool) -> Application:
    """Return an application that answers only to the names of this machine.

    Otherwise a page of another site, whose name points to this machine, could read and delete
    studies with the reader's browser (DNS rebinding). The port may be a forwarded one.
    """

    def filtered(environment: dict[str, Any], start: Any) -> Iterable[bytes]:
        host = environment.get("HTTP_HOST", "").rpartition(":")[0] or environment.get("HTTP_HOST")
        if host not in _OWN_NAMES:
            return _refuse(start, b"open the dashboard as http://localhost or http://127.0.0.1")
        if read_only and environment["REQUEST_METHOD"] not in _READING:
            return _refuse(start, b"this dashboard is read-only")
        return application(environment, start)

    return filtered


def _with_wrapped_lines(application: Application) -> Application:
    """Return an application whose pages wrap long lines."""

    def filtered(environment: dict[str, Any], start: Any) -> Iterable[bytes]:
        if not environment["PATH_INFO"].startswith("/dashboard"):
            return application(environment, start)
        begun: list[tuple[str, list[tuple[str, str]]]] = []
        answer = application(environment, lambda *given: begun.append(given[:2]))
        body = b"".join(answer).replace(b"</head>", _STYLE, 1)
        status, headers = begun[0]
        kept = [header for header in headers if header[0].lower() not in _FILE_HEADERS]
        start(status, [*kept, ("Content-Length", str(len(body)))])
        return [body]

    return filtered


def _refuse(start: Any, reason: bytes) -> list[bytes]:
    start("403 Forbidden", [("Content-Type", "application/json")])
    return [b'{"reason": "' + reason + b'"}']


class _Silent(WSGIRequestHandler):
    """A handler that logs no requests."""

    def log_message(self, format: str, *args: object) -> None:
        """Write nothing."""
