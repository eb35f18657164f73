"""Stop a training whose curve says that it will not reach the best by its last epoch.

Two forecasts of the last score: a power law fitted to the candidate's own curve, and, as the
baseline that it has to beat, the last value plus the gain that complete candidates made from the
same epoch on.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from study.search_strategy.pruners.pruner import Curve, Decision, keep, short

MIN_POINTS = 4
"""Fewest scores a power law with three free numbers is fitted to."""

EXPONENTS = np.geomspace(0.2, 2.0, 25)
"""Exponents tried: the range in which learning curves of networks lie."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What the score of the last epoch is expected to be.

    Args:
        score: Expected score, clipped to what is sane.
        probability: That the score reaches the target.
    """

    score: float
    probability: float


class Forecaster(Protocol):
    """Looks ahead along a curve."""

    def forecast(
        self, own: Curve, complete: Sequence[Curve], *, epochs: int, target: float
    ) -> Forecast | None:
        """Return what the last epoch will bring, or None where too little is known.

        Args:
            own: The curve so far.
            complete: Curves of candidates that were trained to the end.
            epochs: The last epoch.
            target: Score to reach.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerLaw:
    """Extrapolates ``a - b * epoch ** -c`` with b ≥ 0, fitted to the candidate's own curve.

    For every exponent c of a grid, a and b follow by least squares; the forecasts of all
    exponents are averaged with their marginal likelihood under a flat prior on a, b and log σ,
    which gives each a Student distribution (Gelman et al., Bayesian Data Analysis, sec. 14.2).
    The expected score is clipped to lie between the last score and the most that the metric can
    be: 1 for shares, 0 for negated losses.
    """

    def forecast(
        self, own: Curve, complete: Sequence[Curve], *, epochs: int, target: float
    ) -> Forecast | None:
        """See ``Forecaster``. None with fewer than ``MIN_POINTS`` scores."""
        if len(own.scores) < MIN_POINTS:
            return None
        steps = np.array(sorted(own.scores), dtype=float)
        scores = np.array([own.scores[int(step)] for step in steps])
        fits = [_fit(steps, scores, float(c), epochs) for c in EXPONENTS]
        weights = _weights(np.array([fit.log_weight for fit in fits]))
        expected = float(weights @ np.array([fit.mean for fit in fits]))
        chances = [_chance(fit, target, len(steps) - 2) for fit in fits]
        known = [*own.scores.values(), *(s for curve in complete for s in curve.scores.values())]
        return Forecast(
            score=min(max(expected, own.last), _most(known)),
            probability=float(np.clip(weights @ np.array(chances), 0.0, 1.0)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LastValue:
    """Adds to the last score what complete candidates gained from the same epoch on.

    It ranks candidates by their last value; the gains only turn that into a probability, as
    normally distributed.

    Args:
        startup: Complete candidates needed.
    """

    startup: int = 5

    def forecast(
        self, own: Curve, complete: Sequence[Curve], *, epochs: int, target: float
    ) -> Forecast | None:
        """See ``Forecaster``. None with fewer than ``startup`` complete candidates."""
        gains = [
            curve.last - curve.scores[own.step]
            for curve in complete
            if own.step in curve.scores and curve.step > own.step
        ]
        if len(gains) < self.startup:
            return None
        expected = own.last + float(np.mean(gains))
        spread = max(float(np.std(gains, ddof=1)), _smallest_spread(expected, target))
        probability = 0.5 * math.erfc((target - expected) / (spread * math.sqrt(2)))
        return Forecast(score=expected, probability=probability)


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningCurve:
    """Stops a training that will hardly reach the best complete candidate.

    Whatever the forecast, a training is never stopped while its score is the best of all at its
    epoch, or once it has reached the best.

    Args:
        forecaster: How to look ahead.
        probability: Stop below this probability of reaching the best.
    """

    forecaster: Forecaster
    probability: float = 0.05

    def decide(
        self,
        own: Curve,
        others: Sequence[Curve],
        *,
        study_name: str,
        epochs: int,
    ) -> Decision:
        """See ``Pruner``."""
        here = f"at epoch {own.step}"
        if own.is_over(epochs):
            return keep(f"kept {here}: the last one")
        complete = [curve for curve in others if curve.outcome == "complete" and curve.scores]
        best = max((curve.last for curve in complete), default=None)
        if best is None or own.last >= best:
            return keep(f"kept {here}: no complete candidate is better")
        if all(own.last >= curve.scores.get(own.step, -math.inf) for curve in others):
            score = short(own.as_measured(own.last))
            return keep(f"kept {here}: {score} is the best at this epoch")
        last = own.last_step(epochs)
        forecast = self.forecaster.forecast(own, complete, epochs=last, target=best)
        if forecast is None:
            return keep(f"kept {here}: too early for a forecast")
        return _judge(forecast, own, best=best, epochs=last, limit=self.probability)


def _judge(forecast: Forecast, own: Curve, *, best: float, epochs: int, limit: float) -> Decision:
    stop = forecast.probability < limit
    expected, target = own.as_measured(forecast.score), own.as_measured(best)
    return Decision(
        stop=stop,
        reason=(
            f"{'pruned' if stop else 'kept'} at epoch {own.step}: {short(expected)} expected at "
            f"epoch {epochs}, reaches {short(target)} with probability "
            f"{short(forecast.probability)}"
        ),
        facts={
            "epoch": own.step,
            "forecast": expected,
            "best": target,
            "probability": forecast.probability,
        },
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fit:
    """The power law of one exponent: its forecast, the forecast's scale, its weight."""

    mean: float
    scale: float
    log_weight: float


def _fit(steps: np.ndarray, scores: np.ndarray, exponent: float, epochs: int) -> _Fit:
    """Fit a and b by least squares, b cut at 0, and look ahead to ``epochs``."""
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
    """Return a sum of squares that rounding alone may cause, so that nothing is certain."""
    return float(1e-12 * (1e-6 + np.abs(scores).max()) ** 2 * len(scores))


def _weights(logs: np.ndarray) -> np.ndarray:
    weights = np.exp(logs - logs.max())
    return np.asarray(weights / weights.sum())


def _chance(fit: _Fit, target: float, freedom: int) -> float:
    """Return the probability that the forecast's Student variable is at least ``target``."""
    from scipy.special import stdtr

    return float(stdtr(freedom, (fit.mean - target) / fit.scale))


def _most(scores: Sequence[float]) -> float:
    """Return the most a metric with these scores can be."""
    highest = max(scores)
    return 0.0 if highest <= 0 else 1.0 if highest <= 1 else math.inf


def _smallest_spread(a: float, b: float) -> float:
    return 1e-9 * (1 + abs(a) + abs(b))
