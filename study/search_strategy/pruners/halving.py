"""Pruners that continue the best share at given epochs: ASHA, Hyperband and the one-epoch rule.

ASHA and Hyperband decide as Optuna's pruners do. They are made here because Optuna stores the
rungs of a trial, and a repeat of a lost trial would skip them. Here the rungs follow from the
curve.
"""

from __future__ import annotations

import binascii
import itertools
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, ClassVar

from pydantic import Field
from pydantic.dataclasses import dataclass

from study.search_strategy.pruner import Curve, Decision, Pruner, against_cut, keep


@dataclass(frozen=True, kw_only=True)
class Asha(Pruner):
    """Successive halving: the best third continues at epochs 1, 3, 9, ….

    Asynchronous (Li et al., arXiv 1810.05934). A candidate continues if it is in the best
    ``1 / reduction_factor`` of the candidates that have reached the rung.
    """

    name: ClassVar[str] = "asha"
    promotes: ClassVar[bool] = True
    min_resource: Annotated[int, Field(ge=1, le=10_000, description="epoch of the first rung")] = 1
    reduction_factor: Annotated[
        int,
        Field(ge=2, le=100, description="ratio between rungs; one over the share that continues"),
    ] = 3

    @property
    def starts_at(self) -> int:
        return self.min_resource

    def decide(self, own: Curve, others: Sequence[Curve], *, study: str, epochs: int) -> Decision:
        return self._halve(own, others, first=self.min_resource, epochs=epochs)

    def _halve(self, own: Curve, others: Sequence[Curve], *, first: int, epochs: int) -> Decision:
        """Return the decision of successive halving, with the first rung at epoch ``first``."""
        if own.is_over(epochs):
            return keep(own, "the last one")
        steps = (first * self.reduction_factor**rung for rung in itertools.count())
        rungs = tuple(itertools.takewhile(lambda step: step <= epochs, steps))
        decision = keep(own, f"no rung of {', '.join(map(str, rungs))}")
        for rung in (rung for rung in rungs if own.first_step_from(rung) == own.step):
            competing = _competing(own, others, rung)
            cut = competing[max(len(competing) // self.reduction_factor, 1) - 1]
            stop, of = own.last < cut, len(competing)
            decision = against_cut(own, stop=stop, score=own.last, cut=cut, of=of, rung=rung)
            if stop:
                break
        return decision


@dataclass(frozen=True, kw_only=True)
class Hyperband(Asha):
    """Successive halving in brackets, with early and late first rungs.

    Li et al., arXiv 1603.06560. A candidate's bracket depends on the study's name and the
    candidate's sequence index alone. Bracket k leaves out the first k rungs.
    """

    name: ClassVar[str] = "hyperband"

    def decide(self, own: Curve, others: Sequence[Curve], *, study: str, epochs: int) -> Decision:
        bracket = self.bracket(own.sequence_index, study=study, epochs=epochs)
        rivals = [
            curve
            for curve in others
            if self.bracket(curve.sequence_index, study=study, epochs=epochs) == bracket
        ]
        first = self.min_resource * self.reduction_factor**bracket
        decision = self._halve(own, rivals, first=first, epochs=epochs)
        return replace(
            decision,
            reason=f"{decision.reason} (bracket {bracket})",
            facts={**decision.facts, "bracket": bracket},
        )

    def bracket(self, sequence_index: int, *, study: str, epochs: int) -> int:
        """Return a candidate's bracket, chosen as in ``optuna.pruners.HyperbandPruner``."""
        if epochs < self.min_resource:
            return 0
        count = 1 + math.floor(math.log(epochs / self.min_resource, self.reduction_factor))
        sizes = [
            math.ceil(count * self.reduction_factor ** (count - 1 - bracket) / (count - bracket))
            for bracket in range(count)
        ]
        ticket = binascii.crc32(f"{study}_{sequence_index}".encode()) % sum(sizes)
        ends = itertools.accumulate(sizes)
        return next(bracket for bracket, end in enumerate(ends) if ticket < end)


@dataclass(frozen=True, kw_only=True)
class OneEpoch(Pruner):
    """The best quarter after the first epoch continues to the end.

    The baseline for every pruner. Egele et al. (arXiv 2307.15422) found it as good as more complex
    multi-fidelity methods. They wait for all candidates and keep a number of them. Here the share
    is taken of the candidates so far, so no worker waits. Equal scores continue together.
    """

    name: ClassVar[str] = "one_epoch"
    epoch: Annotated[int, Field(ge=1, le=10_000, description="epoch of the only comparison")] = 1
    share: Annotated[
        float, Field(ge=1e-6, le=1.0, description="share that continues, rounded up")
    ] = 0.25

    @property
    def starts_at(self) -> int:
        return self.epoch

    def decide(self, own: Curve, others: Sequence[Curve], *, study: str, epochs: int) -> Decision:
        if own.step != self.epoch or own.is_over(epochs):
            return keep(own, f"compared at epoch {self.epoch} only")
        competing = _competing(own, others, self.epoch)
        cut = competing[math.ceil(self.share * len(competing)) - 1]
        return against_cut(own, stop=own.last < cut, score=own.last, cut=cut, of=len(competing))


def _competing(own: Curve, others: Sequence[Curve], rung: int) -> list[float]:
    """Return the scores at a rung of all candidates that have reached it, the best first."""
    reached = [
        curve.scores[step] for curve in others if (step := curve.first_step_from(rung)) is not None
    ]
    return sorted([*reached, own.last], reverse=True)
