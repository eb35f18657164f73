"""Extrapolates a learning curve by ``a - b * epoch ** -c`` with b ≥ 0.

For every exponent c of a grid, a and b follow by least squares. The forecasts of all exponents are
averaged with their marginal likelihood under a flat prior on a, b and log σ, which gives each a
Student distribution (Gelman et al., Bayesian Data Analysis, sec. 14.2).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import stdtr

from study.search_strategy.pruner import Curve

EXPONENTS = np.geomspace(0.2, 2.0, 25)
"""Exponents tried: the range that learning curves of networks have."""


def extrapolate(
    own: Curve, complete: Sequence[Curve], *, epochs: int, target: float
) -> tuple[float, float]:
    """Return the expected score at the last epoch and the probability that it reaches the target.

    The expected score lies between the last score and the largest value that the metric can have:
    1 for shares, 0 for negated losses.
    """
    steps = np.array(sorted(own.scores), dtype=float)
    scores = np.array([own.scores[int(step)] for step in steps])
    fits = [_fit(steps, scores, float(c), epochs) for c in EXPONENTS]
    weights = _weights(np.array([fit.log_weight for fit in fits]))
    expected = float(weights @ np.array([fit.mean for fit in fits]))
    freedom = len(steps) - 2
    chances = [float(stdtr(freedom, (fit.mean - target) / fit.scale)) for fit in fits]
    known = [*own.scores.values(), *(s for curve in complete for s in curve.scores.values())]
    return (
        min(max(expected, own.last), _largest(known)),
        float(np.clip(weights @ np.array(chances), 0.0, 1.0)),
    )


class _Fit(NamedTuple):
    """The power law of one exponent: its forecast, the forecast's scale, its weight."""

    mean: float
    scale: float
    log_weight: float


def _fit(steps: np.ndarray, scores: np.ndarray, exponent: float, epochs: int) -> _Fit:
    """Fit a and b by least squares, with b at least 0, and extrapolate to ``epochs``."""
    x = -(steps**-exponent)
    unit = float(x[-1] - x[0])  # so that a flat prior on the slope means the same for every c
    centred = (x - x.mean()) / unit
    spread = float(centred @ centred)
    slope = max(float(centred @ scores) / spread, 0.0)
    residuals = scores - scores.mean() - slope * centred
    freedom = len(steps) - 2
    noise = max(float(residuals @ residuals), _least_noise(scores)) / freedom
    ahead = (-(float(epochs) ** -exponent) - float(x.mean())) / unit
    return _Fit(
        mean=float(scores.mean()) + slope * ahead,
        scale=math.sqrt(noise * (1 + 1 / len(steps) + ahead**2 / spread)),
        log_weight=-0.5 * math.log(spread) - 0.5 * freedom * math.log(noise),
    )


def _least_noise(scores: np.ndarray) -> float:
    """Return the sum of squares that rounding can cause, so that no forecast is certain."""
    return float(1e-12 * (1e-6 + np.abs(scores).max()) ** 2 * len(scores))


def _weights(logs: np.ndarray) -> np.ndarray:
    weights = np.exp(logs - logs.max())
    return np.asarray(weights / weights.sum())


def _largest(scores: Sequence[float]) -> float:
    """Return the largest value of a metric that has these scores."""
    highest = max(scores)
    return 0.0 if highest <= 0 else 1.0 if highest <= 1 else math.inf
