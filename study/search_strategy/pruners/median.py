"""The median rule of Optuna's ``MedianPruner``, also with patience as in ``PatientPruner``.

The decisions are Optuna's. They are made here because the reason shown with each needs the same
numbers, and because Optuna's pruners read trials from a storage, not curves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from study.search_strategy.pruner import Curve, Decision, Pruner, Startup, against_cut, keep


@dataclass(frozen=True, kw_only=True)
class Median(Pruner):
    """Stops what is below the median of the complete candidates at the same epoch.

    The best score so far is compared, as in Optuna.
    """

    name: ClassVar[str] = "median"
    startup: Startup = 5
    first_epoch: Annotated[int, Field(ge=1, le=10_000, description="earliest epoch to stop")] = 1

    @property
    def starts_at(self) -> int:
        return self.first_epoch

    def decide(self, own: Curve, others: Sequence[Curve], *, study: str, epochs: int) -> Decision:
        if own.is_over(epochs):
            return keep(own, "the last one")
        complete = [curve for curve in others if curve.outcome == "complete"]
        scores = [curve.scores[own.step] for curve in complete if own.step in curve.scores]
        if not scores:
            return keep(own, "no complete candidate to compare with")
        best, cut = max(own.scores.values()), float(np.percentile(scores, 50))
        started = len(complete) >= self.startup and own.step >= self.first_epoch
        return against_cut(own, stop=started and best < cut, score=best, cut=cut, of=len(scores))


@dataclass(frozen=True, kw_only=True)
class Patient(Pruner):
    """The median rule, applied once a candidate has stopped improving."""

    name: ClassVar[str] = "patient"
    patience: Annotated[
        int, Field(ge=0, le=10_000, description="epochs without improvement before the rule")
    ] = 2
    min_delta: Annotated[
        float, Field(ge=0.0, le=1e9, description="smallest improvement that counts")
    ] = 0.0
    startup: Startup = 5

    @property
    def starts_at(self) -> int:
        return self.patience + 2

    def decide(self, own: Curve, others: Sequence[Curve], *, study: str, epochs: int) -> Decision:
        scores = [own.scores[step] for step in sorted(own.scores)]
        before, after = scores[: -self.patience - 1], scores[-self.patience - 1 :]
        stalled = bool(before) and max(before) - self.min_delta > max(after)
        if not own.is_over(epochs) and not stalled:
            return keep(own, f"patience {self.patience} is not used up")
        median = Median(startup=self.startup)
        return median.decide(own, others, study=study, epochs=epochs)
