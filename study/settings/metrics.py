"""The measures that a study can optimise, by the names of the command line."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from study.common.errors import SettingsError


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A number that trials are compared by.

    Args:
        key: Name under which it is stored, with its split.
    """

    key: str
    maximise: bool
    help: str

    @property
    def sign(self) -> float:
        """The factor that makes larger values better: 1 or -1."""
        return 1.0 if self.maximise else -1.0


def _validation(key: str, help: str, *, maximise: bool = True) -> Measure:
    return Measure(key=key, maximise=maximise, help=help)


def _proxy(name: str) -> Measure:
    return Measure(key=name, maximise=True, help=f"zero-cost score {name}")


MEASURES: Mapping[str, Measure] = MappingProxyType(
    {
        "accuracy": _validation("val_accuracy", "share of validation images classified correctly"),
        "balanced_accuracy": _validation("val_balanced_accuracy", "mean recall of the classes"),
        "auc": _validation("val_auc", "macro one-vs-rest area under the ROC curve"),
        "log_loss": _validation("val_loss", "mean cross-entropy, in nats", maximise=False),
        "balanced_log_loss": _validation(
            "val_balanced_log_loss", "cross-entropy averaged over classes, in nats", maximise=False
        ),
        "macs": Measure(key="macs", maximise=False, help="multiply-accumulates per image"),
        "parameters": Measure(key="parameters", maximise=False, help="trainable parameters"),
        "latency": Measure(
            key="latency_ms", maximise=False, help="milliseconds for one image on this device"
        ),
        **{name: _proxy(name) for name in ("synflow", "jacob_cov", "naswot", "grad_norm", "snip")},
    }
)

COSTS = frozenset({"macs", "parameters", "latency"})
"""Measures of the network itself. Every trial has them, with any estimator."""


def find_measures(names: Sequence[str]) -> tuple[Measure, ...]:
    """Return the measures of these names.

    Raises:
        SettingsError: A name is unknown or given twice.
    """
    for name in names:
        if name not in MEASURES:
            close = difflib.get_close_matches(name, MEASURES, n=1)
            hint = (
                f"did you mean '{close[0]}'?" if close else f"choose from: {', '.join(MEASURES)}"
            )
            raise SettingsError(f"metric: unknown '{name}'; {hint}")
    if len(set(names)) < len(names):
        raise SettingsError(f"objectives: {', '.join(names)} names one measure twice")
    return tuple(MEASURES[name] for name in names)
