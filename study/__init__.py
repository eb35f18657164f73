"""Neural architecture search studies for small image classifiers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from study.evaluation.classifier import load as load

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Import ``load`` when it is asked for; it takes torch with it."""
    if name != "load":
        raise AttributeError(f"module 'study' has no attribute {name!r}")
    from study.evaluation.classifier import load

    return load
