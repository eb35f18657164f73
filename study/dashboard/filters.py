"""What stands between the browser and optuna-dashboard, as WSGI middleware."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]

LOOKING = ("GET", "HEAD", "OPTIONS")
HERE = ("127.0.0.1", "localhost", "[::1]")

_STYLE = b"""<style>
p.MuiTypography-body1 { white-space: normal; overflow-wrap: anywhere; }
</style></head>"""
"""Attributes as long as an architecture would make a trial's page five screens wide."""


def looking_only(application: Application) -> Application:
    """Return an application that refuses every request but those that look."""

    def filtered(environment: dict[str, Any], start: Any) -> Iterable[bytes]:
        if environment["REQUEST_METHOD"] in LOOKING:
            return application(environment, start)
        return _refused(start, b"this dashboard is read-only")

    return filtered


def from_here_only(application: Application) -> Application:
    """Return an application that answers under this machine's own names alone.

    A page of another site, whose name is made to point to this machine, could otherwise read and
    delete studies with the reader's browser (DNS rebinding). The port may be a forwarded one.
    """

    def filtered(environment: dict[str, Any], start: Any) -> Iterable[bytes]:
        host = environment.get("HTTP_HOST", "").rpartition(":")[0] or environment.get("HTTP_HOST")
        if host in HERE:
            return application(environment, start)
        return _refused(start, b"open the dashboard as http://localhost or http://127.0.0.1")

    return filtered


def with_wrapped_lines(application: Application) -> Application:
    """Return an application whose pages wrap long lines."""

    def filtered(environment: dict[str, Any], start: Any) -> Iterable[bytes]:
        if not environment["PATH_INFO"].startswith("/dashboard"):
            return application(environment, start)
        begun: list[tuple[str, list[tuple[str, str]]]] = []
        answer = application(environment, lambda *told: begun.append(told[:2]))
        body = b"".join(answer).replace(b"</head>", _STYLE, 1)
        status, headers = begun[0]
        kept = [header for header in headers if header[0].lower() not in _OF_THE_FILE]
        start(status, [*kept, ("Content-Length", str(len(body)))])
        return [body]

    return filtered


_OF_THE_FILE = frozenset({"content-length", "last-modified", "etag", "accept-ranges"})


def _refused(start: Any, reason: bytes) -> list[bytes]:
    start("403 Forbidden", [("Content-Type", "application/json")])
    return [b'{"reason": "' + reason + b'"}']
