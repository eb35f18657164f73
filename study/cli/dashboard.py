"""``dashboard``: optuna-dashboard with the studies of a storage."""

from __future__ import annotations

from typing import Annotated

import typer

from study.cli.options import Artifacts, Storage
from study.storage.url import DEFAULT_URL


def dashboard(
    storage: Storage = DEFAULT_URL,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on 127.0.0.1.")] = 8080,
    read_only: Annotated[bool, typer.Option("--read-only", help="Refuse every change.")] = False,
    artifacts: Artifacts = None,
) -> int:
    """Start optuna-dashboard on this machine, with the studies of the storage."""
    from study.dashboard.server import serve

    return serve(storage, port=port, read_only=read_only, artifacts=artifacts)
