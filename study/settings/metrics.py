"""The measures that a study can optimise, by the names of the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from study.common.choices import suggest
from study.common.errors import SettingsError


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A number that trials are compared by."""

    metric: str
    """Name under which it is stored, with its split, as ``val_accuracy``."""
    maximise: bool
    help: str

    @property
    def direction(self) -> Literal["maximize", "minimize"]:
        """Optuna's direction."""
        return "maximize" if self.maximise else "minimize"

    @property
    def sign(self) -> float:
        """The factor that makes larger values better: 1 or -1."""
        return 1.0 if self.maximise else -1.0


_MAXIMISED = {
    "accuracy": ("val_accuracy", "share of validation images classified correctly"),
    "balanced_accuracy": ("val_balanced_accuracy", "mean recall of the classes"),
    "auc": ("val_auc", "macro one-vs-rest area under the ROC curve"),
}
_MINIMISED = {
    "log_loss": ("val_loss", "mean cross-entropy, in nats"),
    "balanced_log_loss": ("val_balanced_log_loss", "cross-entropy averaged over classes, in nats"),
    "macs": ("macs", "multiply-accumulates per image"),
    "parameters": ("parameters", "trainable parameters"),
    "latency": ("latency_ms", "milliseconds for one image on this device"),
}
_PROXIES = {
    name: (name, f"zero-cost score {name}")
    for name in ("synflow", "jacob_cov", "naswot", "grad_norm", "snip")
}
MEASURES: Mapping[str, Measure] = MappingProxyType(
    {
        name: Measure(metric=metric, maximise=name not in _MINIMISED, help=help)
        for name, (metric, help) in (_MAXIMISED | _MINIMISED | _PROXIES).items()
    }
)

COSTS = frozenset({"macs", "parameters", "latency"})
"""Measures of the network itself. Every trial has them, with any estimator."""


def find_measures(names: Sequence[str]) -> tuple[Measure, ...]:
    """Return the measures of these names."""
    for name in names:
        if name not in MEASURES:
            raise SettingsError(f"metric: unknown '{name}'; {suggest(name, MEASURES)}")
    if len(set(names)) < len(names):
        raise SettingsError(f"objectives: {', '.join(names)} names one measure twice")
    return tuple(MEASURES[name] for name in names)
