"""optuna-dashboard on the study's storage, bound to this machine."""

from __future__ import annotations

import sys
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from study.common.artifact_path import ArtifactPath
from study.common.errors import StorageError
from study.common.redaction import redacted_url
from study.dashboard.filters import (
    Application,
    from_here_only,
    looking_only,
    with_wrapped_lines,
)
from study.dashboard.refresh import keep_all_fresh
from study.dashboard.store import artifact_store
from study.storage.opening import open_storage

HOST = "127.0.0.1"


def serve(url: str, *, port: int, read_only: bool, artifacts: ArtifactPath | None) -> int:
    """Serve the dashboard until Ctrl-C.

    The dashboard has no login: it listens on the loopback address alone.

    Args:
        url: The storage.
        port: Port to listen on.
        read_only: Refuse every request that could change something.
        artifacts: Folder of the studies' files.

    Raises:
        StorageError: The storage or the port cannot be used.
    """
    application = dashboard_application(url, read_only=read_only, artifacts=artifacts)
    try:
        server = make_server(HOST, port, application, server_class=_Server, handler_class=_Silent)
    except OSError as error:
        raise StorageError(f"port {port}: {error.strerror}; choose another with --port") from error
    if not read_only:
        keep_all_fresh(url, artifacts)
    mode = " (read-only)" if read_only else ""
    text = f"dashboard of {redacted_url(url)}{mode}: http://{HOST}:{port}"
    print(text, file=sys.stderr, flush=True)  # noqa: T201
    with server:
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return 130
    return 0


def dashboard_application(
    url: str, *, read_only: bool, artifacts: ArtifactPath | None
) -> Application:
    """Return the dashboard as a WSGI application.

    Raises:
        StorageError: The storage cannot be opened.
    """
    import optuna_dashboard

    storage = open_storage(url, read_only=read_only)
    store = artifact_store(artifacts, url)
    application = with_wrapped_lines(optuna_dashboard.wsgi(storage, artifact_store=store))
    return from_here_only(looking_only(application) if read_only else application)


class _Server(WSGIServer):
    """Lets a restart take the port at once."""

    allow_reuse_address = True


class _Silent(WSGIRequestHandler):
    """Logs no requests."""

    def log_message(self, format: str, *args: object) -> None:
        """Write nothing."""
