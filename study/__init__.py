"""Neural architecture search studies for small image classifiers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from study.common.version import __version__ as __version__

if TYPE_CHECKING:
    from study.bundle.classifier import load as load


def __getattr__(name: str) -> Any:
    """Import ``load`` when it is asked for; it takes torch with it."""
    if name != "load":
        raise AttributeError(f"module 'study' has no attribute {name!r}")
    from study.bundle.classifier import load

    return load
