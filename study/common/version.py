"""Versions of the code and the libraries that made a result."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Mapping
from functools import lru_cache
from importlib import metadata
from pathlib import Path

__version__ = "0.1.0"

NUMERIC_VERSION = 3
"""Raised when the same candidate and seed train to different weights than before."""

LIBRARIES = ("torch", "optuna", "numpy", "medmnist", "scikit-learn")


@lru_cache(maxsize=1)
def code_version() -> str:
    """Return the package's version, with the commit in a checkout."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return __version__
    try:
        done = subprocess.run(
            ["git", "-C", str(root), "describe", "--always", "--dirty"],
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return __version__
    return f"{__version__}+{done.stdout.strip()}"


@lru_cache(maxsize=1)
def library_versions() -> Mapping[str, str]:
    """Return the versions of Python and of the libraries that results depend on."""
    versions = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "not installed"
    return versions
