"""What a study can optimise: names on the command line → stored measure and direction."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from study.common.errors import SettingsError


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A number a trial can be judged by.

    Args:
        key: Name it is stored under, with its split.
        maximise: Whether larger is better.
        meaning: One line for the help text.
    """

    key: str
    maximise: bool
    meaning: str

    @property
    def sign(self) -> float:
        """The factor that makes larger values better: 1 or -1."""
        return 1.0 if self.maximise else -1.0


def _validation(key: str, meaning: str, *, maximise: bool = True) -> Measure:
    return Measure(key=key, maximise=maximise, meaning=meaning)


def _proxy(name: str) -> Measure:
    return Measure(key=name, maximise=True, meaning=f"zero-cost score {name}")


MEASURES: Mapping[str, Measure] = MappingProxyType(
    {
        "accuracy": _validation("val_accuracy", "share of validation images named correctly"),
        "balanced_accuracy": _validation("val_balanced_accuracy", "mean recall of the classes"),
        "auc": _validation("val_auc", "macro one-vs-rest area under the ROC curve"),
        "log_loss": _validation("val_loss", "mean cross-entropy, in nats", maximise=False),
        "balanced_log_loss": _validation(
            "val_balanced_log_loss", "cross-entropy averaged over classes, in nats", maximise=False
        ),
        "macs": Measure(key="macs", maximise=False, meaning="multiply-accumulates an image"),
        "parameters": Measure(key="parameters", maximise=False, meaning="trainable numbers"),
        "latency": Measure(
            key="latency_ms", maximise=False, meaning="milliseconds for one image on this device"
        ),
        **{name: _proxy(name) for name in ("synflow", "jacob_cov", "naswot", "grad_norm", "snip")},
    }
)

COSTS = frozenset({"macs", "parameters", "latency"})
"""Measures of the network itself; every trial has them whatever estimates it."""


def find_measures(names: Sequence[str]) -> tuple[Measure, ...]:
    """Return the measures of these names.

    Raises:
        SettingsError: A name is unknown or given twice.
    """
    for name in names:
        if name not in MEASURES:
            close = difflib.get_close_matches(name, MEASURES, n=1)
            hint = f"did you mean '{close[0]}'?" if close else f"choose of {', '.join(MEASURES)}"
            raise SettingsError(f"metric: unknown '{name}'; {hint}")
    if len(set(names)) < len(names):
        raise SettingsError(f"objectives: {', '.join(names)} names one measure twice")
    return tuple(MEASURES[name] for name in names)
