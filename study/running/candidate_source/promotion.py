"""Pruned candidates that go on after all, because their pruner's cut has moved since.

In ASHA (Li et al., arXiv 1810.05934) the best third of a rung goes on, and a third of nine is
more than a third of three. A candidate that was stopped among the three is continued where it
stopped, by a new trial at its place, which the study's lock gives to one worker only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from study.running.candidate_source.draw import CandidateSource, Source
from study.search_strategy.pruner import Curve, Pruner, promotable
from study.settings.problem import Problem
from study.storage.checkpoints import SUFFIX
from study.storage.lifecycle import StudyState
from study.storage.records import TrialRecord

if TYPE_CHECKING:
    from study.performance_estimation.estimator import EstimatorContext


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """Finds the pruned candidate that is continued next.

    Args:
        pruner: The study's pruner.
        study_name: Name of the study.
        epochs: Epochs of the longest training.
        sign: 1 where the metric is maximised, else -1.
        resumable: Tells whether the checkpoint of a candidate is there to go on from.
    """

    pruner: Pruner
    study_name: str
    epochs: int
    sign: float
    resumable: Callable[[str], bool]

    def __call__(self, state: StudyState) -> int | None:
        """Return the place that is continued next, or None."""
        waiting = frozenset(record.sequence_index for record in stopped(state))
        if not waiting:
            return None
        indices = promotable(
            self.pruner,
            [curve_of(record, sign=self.sign) for record in competing(state)],
            among=waiting,
            study_name=self.study_name,
            epochs=self.epochs,
        )
        return next((p for p in indices if self.resumable(state.latest[p].candidate_id)), None)


def stopped(state: StudyState) -> list[TrialRecord]:
    """Return the pruned trials that could be continued: for each candidate the longest one.

    A candidate that is being trained, has an outcome at another place, or was lost too often when
    it went on is not among them.
    """
    longest: dict[str, TrialRecord] = {}
    over = {
        state.latest[sequence_index].candidate_id
        for sequence_index in (*state.running, *state.to_repeat)
    }
    for sequence_index in state.finished:
        record = state.latest[sequence_index]
        if record.state != "pruned" or sequence_index in state.given_up:
            over.add(record.candidate_id)
            continue
        known = longest.setdefault(record.candidate_id, record)
        if len(record.intermediate) > len(known.intermediate):
            longest[record.candidate_id] = record
    return [record for name, record in longest.items() if name not in over]


def competing(state: StudyState) -> Iterable[TrialRecord]:
    """Return the trials whose curves pruners compare: for each candidate the longest one."""
    longest: dict[str, TrialRecord] = {}
    for record in state.latest.values():
        if record.reused_from is None and record.state in ("complete", "pruned", "running"):
            known = longest.setdefault(record.candidate_id, record)
            if len(record.intermediate) > len(known.intermediate):
                longest[record.candidate_id] = record
    return (record for record in longest.values() if record.intermediate)


def curve_of(record: TrialRecord, *, sign: float) -> Curve:
    """Return a trial's curve; ``sign`` makes larger better."""
    return Curve(
        sequence_index=record.sequence_index or 0,
        scores={step: sign * value for step, value in record.intermediate.items()},
        outcome=record.state,  # type: ignore[arg-type]
        minimised=sign < 0,
    )


def with_promotion(source: Source, problem: Problem, context: EstimatorContext) -> Source:
    """Return the source with pruned candidates continued, where the study's pruner does that.

    Args:
        source: Draws the candidates.
        problem: The study's.
        context: Says where checkpoints lie: what an estimator keeps none of is never continued.
    """
    folder = context.folder
    if folder is None or not isinstance(source, CandidateSource) or not problem.pruner.promotes:
        return source
    promotion = Promotion(
        pruner=problem.pruner,
        study_name=problem.settings.study,
        epochs=problem.epochs,
        sign=1.0 if problem.settings.measures[0].maximise else -1.0,
        resumable=lambda name: (folder / f"{name}{SUFFIX}").exists(),
    )
    return replace(source, promoted=promotion)
