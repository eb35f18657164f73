"""A digest of the code that plays: games of other code are not taken for this one's."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from importlib import metadata
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]
SOURCES = ("search_strategy", "search_space", "benchmarking/play.py", "common/choices.py")
LIBRARIES = ("optuna", "numpy", "scipy", "torch")
"""What samplers reckon with; another version may give another proposal."""


@lru_cache(maxsize=1)
def playing_code() -> str:
    """Return 12 hex digits that change with the samplers' code and their libraries."""
    digest = hashlib.sha256()
    for name in SOURCES:
        path = _PACKAGE / name
        for source in [path] if path.is_file() else sorted(path.rglob("*.py")):
            digest.update(str(source.relative_to(_PACKAGE)).encode() + b"\0")
            digest.update(source.read_bytes() + b"\0")
    for library in LIBRARIES:
        digest.update(f"{library} {metadata.version(library)}\0".encode())
    return digest.hexdigest()[:12]
