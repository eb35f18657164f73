"""Stop a training whose curve predicts that it does not reach the best by its last epoch.

There are two forecasts of the last score. ``learning_curve`` fits a power law to the candidate's
own curve. ``last_value``, the baseline, adds to the last value the gain that complete candidates
made from the same epoch on.

The power law is ``a - b * epoch ** -c`` with b ≥ 0. For every exponent c of a grid, a and b follow
by least squares. The forecasts of all exponents are averaged with their marginal likelihood under
a flat prior on a, b and log σ, which gives each a Student distribution (Gelman et al., Bayesian
Data Analysis, sec. 14.2).
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import Annotated, ClassVar, NamedTuple

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from study.search_strategy.pruner import Curve, Decision, Pruner, Startup, keep, short

MIN_POINTS = 4
"""Fewest scores to which a power law with three free numbers is fitted."""
EXPONENTS = np.geomspace(0.2, 2.0, 25)
"""Exponents tried: the range that learning curves of networks have."""


class Forecast(NamedTuple):
    """The expected score of the last epoch, and the probability that it reaches the target."""

    score: float
    probability: float


@dataclass(frozen=True, kw_only=True)
class ForecastPruner(Pruner):
    """Stops a training that is unlikely to reach the best complete candidate.

    Whatever the forecast, it never stops a training that has the best score at its epoch, or that
    has reached the best already.
    """

    probability: Annotated[
        float,
        Field(ge=0.0, le=1.0, description="stop below this probability of reaching the best"),
    ] = 0.05

    @abstractmethod
    def forecast(
        self, own: Curve, complete: Sequence[Curve], *, epochs: int, target: float
    ) -> Forecast | None:
        """Return the forecast for the last epoch, or None where too little is known.

        Args:
            complete: Curves of candidates that were trained to the end.
            epochs: The last epoch of ``own``.
            target: Score to reach.
        """

    def decide(self, own: Curve, others: Sequence[Curve], *, study: str, epochs: int) -> Decision:
        if own.is_over(epochs):
            return keep(own, "the last one")
        complete = [curve for curve in others if curve.outcome == "complete" and curve.scores]
        best = max((curve.last for curve in complete), default=None)
        if best is None or own.last >= best:
            return keep(own, "no complete candidate is better")
        if all(own.last >= curve.scores.get(own.step, -math.inf) for curve in others):
            return keep(own, f"{short(own.as_measured(own.last))} is the best at this epoch")
        last = own.last_step(epochs)
        forecast = self.forecast(own, complete, epochs=last, target=best)
        if forecast is None:
            return keep(own, "too early for a forecast")
        stop = forecast.probability < self.probability
        expected, target = own.as_measured(forecast.score), own.as_measured(best)
        return Decision(
            stop=stop,
            reason=(
                f"{'pruned' if stop else 'kept'} at epoch {own.step}: {short(expected)} expected"
                f" at epoch {last}, reaches {short(target)} with probability"
                f" {short(forecast.probability)}"
            ),
            facts={
                "epoch": own.step,
                "forecast": expected,
                "best": target,
                "probability": forecast.probability,
            },
        )


@dataclass(frozen=True, kw_only=True)
class LearningCurve(ForecastPruner):
    """Stops what a power law predicts not to reach the best."""

    name: ClassVar[str] = "learning_curve"

    @property
    def starts_at(self) -> int:
        return MIN_POINTS

    def forecast(
        self, own: Curve, complete: Sequence[Curve], *, epochs: int, target: float
    ) -> Forecast | None:
        """Return the power law's forecast.

        The expected score lies between the last score and the largest value that the metric can
        have: 1 for shares, 0 for negated losses.
        """
        from scipy.special import stdtr  # 0.7 s, which only a study with this pruner needs

        if len(own.scores) < MIN_POINTS:
            return None
        steps = np.array(sorted(own.scores), dtype=float)
        scores = np.array([own.scores[int(step)] for step in steps])
        fits = [_fit(steps, scores, float(c), epochs) for c in EXPONENTS]
        logs = np.array([fit.log_weight for fit in fits])
        weights = np.exp(logs - logs.max())
        weights /= weights.sum()
        expected = float(weights @ np.array([fit.mean for fit in fits]))
        freedom = len(steps) - 2
        chances = [float(stdtr(freedom, (fit.mean - target) / fit.scale)) for fit in fits]
        highest = max(s for curve in (own, *complete) for s in curve.scores.values())
        largest = 0.0 if highest <= 0 else 1.0 if highest <= 1 else math.inf
        return Forecast(
            score=min(max(expected, own.last), largest),
            probability=float(np.clip(weights @ np.array(chances), 0.0, 1.0)),
        )


class _Fit(NamedTuple):
    """The forecast of the power law with one exponent: a Student distribution, and its weight."""

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
    # the sum of squares that rounding can cause, so that no forecast is certain
    least = float(1e-12 * (1e-6 + np.abs(scores).max()) ** 2 * len(scores))
    noise = max(float(residuals @ residuals), least) / freedom
    ahead = (-(float(epochs) ** -exponent) - float(x.mean())) / unit
    return _Fit(
        mean=float(scores.mean()) + slope * ahead,
        scale=math.sqrt(noise * (1 + 1 / len(steps) + ahead**2 / spread)),
        log_weight=-0.5 * math.log(spread) - 0.5 * freedom * math.log(noise),
    )


@dataclass(frozen=True, kw_only=True)
class LastValue(ForecastPruner):
    """The same by the last value plus the usual gain: the baseline of learning_curve.

    It ranks candidates by their last value. The gains, taken as normally distributed, only turn
    the difference into a probability.
    """

    name: ClassVar[str] = "last_value"
    startup: Startup = 5

    def forecast(
        self, own: Curve, complete: Sequence[Curve], *, epochs: int, target: float
    ) -> Forecast | None:
        """Return last value plus mean gain; None with fewer than ``startup`` candidates."""
        gains = sorted(  # a sum in floating point depends on the order
            curve.last - curve.scores[own.step]
            for curve in complete
            if own.step in curve.scores and curve.step > own.step
        )
        if len(gains) < self.startup:
            return None
        expected = own.last + float(np.mean(gains))
        smallest = 1e-9 * (1 + abs(expected) + abs(target))
        spread = max(float(np.std(gains, ddof=1)), smallest)
        probability = 0.5 * math.erfc((target - expected) / (spread * math.sqrt(2)))
        return Forecast(score=expected, probability=probability)
