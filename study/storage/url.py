"""Storage URLs. This module imports no database library, so that the command line starts fast."""

from __future__ import annotations

import re
from pathlib import Path

DEFAULT_URL = "sqlite:///study.db"


def sqlite_path(url: str) -> Path | None:
    """Return the file of an SQLite URL, or None for another storage."""
    match = re.match(r"sqlite(?:\+\w+)?:///([^?]+)", url)
    return Path(match.group(1)) if match else None


def with_driver(url: str) -> str:
    """Return a PostgreSQL URL with the installed driver; other URLs as they are."""
    return re.sub(r"^(postgres|postgresql)://", "postgresql+psycopg://", url)
