"""Optuna's pruners behind the project's seam.

Optuna decides; it is shown the curves as a study in memory, in which a trial's number is its
place. What Optuna's ASHA would have stored with a trial (``completed_rung_*``) is worked out from
the trial's curve, so that a repeated trial competes once and skips nothing.
"""

from __future__ import annotations

import binascii
import itertools
import math
from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from typing import Any

from optuna import Study
from optuna.pruners import (
    BasePruner,
    MedianPruner,
    SuccessiveHalvingPruner,
)
from optuna.samplers import RandomSampler
from optuna.storages import InMemoryStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from study.search_strategy.pruners.pruner import Curve, Decision, against_cut, keep

_STATES = {
    "complete": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
    "running": TrialState.RUNNING,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Median:
    """Stop what is below the median of the complete candidates at the same epoch.

    Args:
        startup: Complete candidates before anything is stopped.
        first_epoch: Earliest epoch at which to stop.
    """

    startup: int = 5
    first_epoch: int = 1

    def decide(
        self, own: Curve, others: Sequence[Curve], *, study_name: str, epochs: int
    ) -> Decision:
        """See ``Pruner``. The best score so far is compared, as in Optuna."""
        if own.is_over(epochs):
            return _finished(own)
        pruner = MedianPruner(n_startup_trials=self.startup, n_warmup_steps=self.first_epoch)
        stop = _ask(pruner, own, others, study_name)
        return _against_median(own, others, stop=stop)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """Stop what has not improved for some epochs, if the median pruner agrees.

    Args:
        patience: Epochs without improvement that are borne.
        min_delta: Smallest change that counts, in units of the score.
        startup: Complete candidates before the median pruner stops anything.
    """

    patience: int = 2
    min_delta: float = 0.0
    startup: int = 5

    def decide(
        self, own: Curve, others: Sequence[Curve], *, study_name: str, epochs: int
    ) -> Decision:
        """See ``Pruner``."""
        if own.is_over(epochs):
            return _finished(own)
        if not self._stalled(own):
            return keep(f"kept at epoch {own.step}: patience {self.patience} is not used up")
        median = Median(startup=self.startup)
        return median.decide(own, others, study_name=study_name, epochs=epochs)

    def _stalled(self, own: Curve) -> bool:
        """Tell what ``PatientPruner(None)`` tells, which warns of being experimental."""
        scores = [own.scores[step] for step in sorted(own.scores)]
        before, after = scores[: -self.patience - 1], scores[-self.patience - 1 :]
        return bool(before) and max(before) - self.min_delta > max(after)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asha:
    """Asynchronous successive halving (Li et al., arXiv 1810.05934), without promotion later.

    At epochs ``min_resource * reduction_factor ** (skipped + rung)`` a candidate goes on if it is
    in the best ``1 / reduction_factor`` of those that have been there.

    Args:
        min_resource: Epoch of the first rung.
        reduction_factor: Ratio between rungs, and one over the share that goes on.
        skipped: Rungs left out at the start: the bracket, in Hyperband.
    """

    min_resource: int = 1
    reduction_factor: int = 3
    skipped: int = 0

    def decide(
        self, own: Curve, others: Sequence[Curve], *, study_name: str, epochs: int
    ) -> Decision:
        """See ``Pruner``."""
        if own.is_over(epochs):
            return _finished(own)
        pruner = SuccessiveHalvingPruner(
            min_resource=self.min_resource,
            reduction_factor=self.reduction_factor,
            min_early_stopping_rate=self.skipped,
        )
        rungs = self.rungs(epochs)
        stop = _ask(pruner, own, others, study_name, rungs=rungs)
        at = [rung for rung in rungs if _first_step(own, rung) == own.step]
        if not at:
            return keep(f"kept at epoch {own.step}: no rung of {', '.join(map(str, rungs))}")
        cuts = {rung: _cut(own, others, rung=rung, share=self.reduction_factor) for rung in at}
        rung = next((rung for rung, (cut, _) in cuts.items() if own.last < cut), at[-1])
        cut, of = cuts[rung]
        return against_cut(own, stop=stop, score=own.last, cut=cut, of=of, rung=rung)

    def rungs(self, epochs: int) -> tuple[int, ...]:
        """Return the epochs up to ``epochs`` at which candidates are compared."""
        steps = (
            self.min_resource * self.reduction_factor ** (self.skipped + rung)
            for rung in itertools.count()
        )
        return tuple(itertools.takewhile(lambda step: step <= epochs, steps))


@dataclass(frozen=True, slots=True, kw_only=True)
class Hyperband:
    """Several brackets of ASHA, from early to late first rungs (Li et al., arXiv 1603.06560).

    A candidate's bracket depends on the study's name and the candidate's place alone.

    Args:
        min_resource: Epoch of the first rung of bracket 0.
        reduction_factor: Ratio between rungs.
    """

    min_resource: int = 1
    reduction_factor: int = 3

    def decide(
        self, own: Curve, others: Sequence[Curve], *, study_name: str, epochs: int
    ) -> Decision:
        """See ``Pruner``."""
        bracket = self.bracket(own.sequence_index, study_name=study_name, epochs=epochs)
        mates = [
            curve
            for curve in others
            if self.bracket(curve.sequence_index, study_name=study_name, epochs=epochs) == bracket
        ]
        asha = Asha(
            min_resource=self.min_resource,
            reduction_factor=self.reduction_factor,
            skipped=bracket,
        )
        decision = asha.decide(own, mates, study_name=study_name, epochs=epochs)
        return replace(
            decision,
            reason=f"{decision.reason} (bracket {bracket})",
            facts={**decision.facts, "bracket": bracket},
        )

    def bracket(self, sequence_index: int, *, study_name: str, epochs: int) -> int:
        """Return the bracket of a place, as ``optuna.pruners.HyperbandPruner`` chooses it."""
        if epochs < self.min_resource:
            return 0
        count = 1 + math.floor(math.log(epochs / self.min_resource, self.reduction_factor))
        sizes = [
            math.ceil(count * self.reduction_factor ** (count - 1 - bracket) / (count - bracket))
            for bracket in range(count)
        ]
        ticket = binascii.crc32(f"{study_name}_{sequence_index}".encode()) % sum(sizes)
        ends = itertools.accumulate(sizes)
        return next(bracket for bracket, end in enumerate(ends) if ticket < end)


def _cut(own: Curve, others: Sequence[Curve], *, rung: int, share: int) -> tuple[float, int]:
    """Return the lowest score of the best ``1 / share`` at a rung, and how many were there."""
    reached = [score for curve in others if (score := curve.at(rung)) is not None]
    competing = sorted([*reached, own.last], reverse=True)
    return competing[max(len(competing) // share, 1) - 1], len(competing)


def _finished(own: Curve) -> Decision:
    return keep(f"kept at epoch {own.step}: the last one")


def _against_median(own: Curve, others: Sequence[Curve], *, stop: bool) -> Decision:
    scores = sorted(
        curve.scores[own.step]
        for curve in others
        if curve.outcome == "complete" and own.step in curve.scores
    )
    if not scores:
        return keep(f"kept at epoch {own.step}: no complete candidate to compare with")
    middle = (scores[(len(scores) - 1) // 2] + scores[len(scores) // 2]) / 2
    best = max(own.scores.values())
    return against_cut(own, stop=stop, score=best, cut=middle, of=len(scores))


def _first_step(curve: Curve, rung: int) -> int | None:
    return min((step for step in curve.scores if step >= rung), default=None)


def _ask(
    pruner: BasePruner,
    own: Curve,
    others: Sequence[Curve],
    study_name: str,
    *,
    rungs: Sequence[int] = (),
) -> bool:
    """Return what Optuna's pruner decides when it is shown these curves."""
    passed = [rung for rung in rungs if (step := _first_step(own, rung)) and step < own.step]
    trial = _trial(own, passed)
    trials = [*(_trial(curve, rungs) for curve in others), trial]
    study = Study(study_name, _Curves(trials), sampler=RandomSampler(), pruner=pruner)
    return pruner.prune(study, trial)


def _trial(curve: Curve, rungs: Sequence[int]) -> FrozenTrial:
    """Return a curve as Optuna's trial, with the rungs among ``rungs`` that it has reached."""
    scores = ((number, curve.at(rung)) for number, rung in enumerate(rungs))
    return FrozenTrial(
        number=curve.sequence_index,
        trial_id=curve.sequence_index,
        state=_STATES[curve.outcome],
        value=curve.last if curve.outcome == "complete" else None,
        datetime_start=None,
        datetime_complete=None,
        params={},
        distributions={},
        user_attrs={},
        system_attrs={f"completed_rung_{number}": s for number, s in scores if s is not None},
        intermediate_values=dict(curve.scores),
    )


class _Curves(InMemoryStorage):
    """A storage with one study whose trials are given, and that forgets what is written to it."""

    def __init__(self, trials: Sequence[FrozenTrial]) -> None:
        super().__init__()
        self._given = trials

    def get_study_id_from_name(self, study_name: str) -> int:
        """Return the one study's."""
        return 0

    def get_study_directions(self, study_id: int) -> list[StudyDirection]:
        """Return that scores are larger where they are better."""
        return [StudyDirection.MAXIMIZE]

    def get_all_trials(
        self,
        study_id: int,
        deepcopy: bool = True,
        states: Container[TrialState] | None = None,
    ) -> list[FrozenTrial]:
        """Return the given trials."""
        return [trial for trial in self._given if states is None or trial.state in states]

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Forget it: ASHA writes the rung it decides on, which follows from the curve."""
