"""Learning-rate schedules: the rate of every step of a training, known before it starts."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

WARM_UP = 0.3
START_DIVISOR = 25.0
END_DIVISOR = 1e4
"""Share of rising steps, peak/first and first/last rate of ``onecycle``: the defaults of
``torch.optim.lr_scheduler.OneCycleLR``."""


def _constant(_: float) -> float:
    return 1.0


def _cosine(progress: float) -> float:
    """Fall from 1 to 0 along half a cosine (Loshchilov and Hutter, arXiv 1608.03983, eq. 5)."""
    return (1 + math.cos(math.pi * progress)) / 2


def _onecycle(progress: float) -> float:
    """Rise to 1, then fall to almost 0, both along half a cosine (Smith, arXiv 1708.07120)."""
    first = 1 / START_DIVISOR
    if progress < WARM_UP:
        return 1 + (first - 1) * _cosine(progress / WARM_UP)
    last = first / END_DIVISOR
    return last + (1 - last) * _cosine((progress - WARM_UP) / (1 - WARM_UP))


SCHEDULES: Mapping[str, Callable[[float], float]] = MappingProxyType(
    {"constant": _constant, "cosine": _cosine, "onecycle": _onecycle}
)
"""Share of the peak rate, given the share of the steps already made, from 0 to below 1."""


def learning_rate(schedule: str, *, peak: float, step: int, steps: int) -> float:
    """Return the rate of ``step`` (from 0) in a training of ``steps`` steps in all.

    A training of fewer epochs runs through the whole schedule faster; it is not cut off.
    """
    return peak * SCHEDULES[schedule](step / steps)
