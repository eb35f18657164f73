"""Stop a training whose curve predicts that it does not reach the best by its last epoch.

There are two forecasts of the last score. ``learning_curve`` fits a power law to the candidate's
own curve. ``last_value``, the baseline, adds to the last value the gain that complete candidates
made from the same epoch on.
"""

from __future__ import annotations

import math
import pkgutil
from abc import abstractmethod
from collections.abc import Sequence
from typing import Annotated, ClassVar, NamedTuple

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from study.search_strategy.pruner import Curve, Decision, Pruner, Startup, keep, short

MIN_POINTS = 4
"""Fewest scores to which a power law with three free numbers is fitted."""

Probability = Annotated[
    float,
    Field(ge=0.0, le=1.0, description="stop below this probability of reaching the best"),
]


class Forecast(NamedTuple):
    """The expected score of the last epoch, and the probability that it reaches the target."""

    score: float
    probability: float


@dataclass(frozen=True, kw_only=True)
class ForecastPruner(Pruner):
    """Stops a training that is unlikely to reach the best complete candidate.

    It never stops a training whose score is the best of all at its epoch, or that has reached the
    best already, whatever the forecast.
    """

    probability: Probability = 0.05

    @abstractmethod
    def forecast(
        self, own: Curve, complete: Sequence[Curve], *, epochs: int, target: float
    ) -> Forecast | None:
        """Return the forecast for the last epoch, or None where too little is known.

        Args:
            own: The curve so far.
            complete: Curves of candidates that were trained to the end.
            epochs: The last epoch.
            target: Score to reach.
        """

    def decide(
        self, own: Curve, others: Sequence[Curve], *, study_name: str, epochs: int
    ) -> Decision:
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
        forecast = self.forecast(own, complete, epochs=last, target=best)
        if forecast is None:
            return keep(f"kept {here}: too early for a forecast")
        return self._judge(forecast, own, best=best, epochs=last)

    def _judge(self, forecast: Forecast, own: Curve, *, best: float, epochs: int) -> Decision:
        stop = forecast.probability < self.probability
        expected, target = own.as_measured(forecast.score), own.as_measured(best)
        return Decision(
            stop=stop,
            reason=(
                f"{'pruned' if stop else 'kept'} at epoch {own.step}: {short(expected)} expected"
                f" at epoch {epochs}, reaches {short(target)} with probability"
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
        """Return the power law's forecast; None with fewer than ``MIN_POINTS`` scores."""
        if len(own.scores) < MIN_POINTS:
            return None
        extrapolate = pkgutil.resolve_name("study.search_strategy.pruners.power_law:extrapolate")
        return Forecast(*extrapolate(own, complete, epochs=epochs, target=target))


@dataclass(frozen=True, kw_only=True)
class LastValue(ForecastPruner):
    """The same by the last value plus the usual gain: the baseline of learning_curve.

    It ranks candidates by their last value. The gains, taken as normally distributed, only turn
    the difference into a probability.
    """

    name: ClassVar[str] = "last_value"
    startup: Startup = 5

    @property
    def starts_at(self) -> int:
        return 1

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
