"""The learning curves that a pruner compares, and the pruned candidates that continue.

A pruner's threshold moves as candidates come in: in ASHA (Li et al., arXiv 1810.05934) the best
third of a rung continues, and the best third of nine is larger than that of three. A candidate
that was pruned among the three may continue later. A new trial at its sequence index continues it
from its checkpoint. The study's lock gives it to one worker only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from study.common.artifact_path import ArtifactPath
from study.search_strategy.pruner import Curve, promotable
from study.settings.problem import Problem
from study.storage.checkpoints import SUFFIX
from study.storage.lifecycle import StudyState, study_state
from study.storage.records import TrialReader, TrialRecord


class CompetingCurves:
    """The curves that a candidate of a study competes with."""

    def __init__(self, problem: Problem, trials: TrialReader) -> None:
        self._problem, self._trials = problem, trials
        self._finished: dict[int, Curve] = {}

    def others(self, sequence_index: int) -> Sequence[Curve]:
        """Return the curves of all candidates but the one at this index; none without a pruner."""
        if not self._problem.pruner.stops:
            return ()
        state = study_state(self._trials.read(), retries=self._problem.settings.retries)
        own = state.latest[sequence_index].candidate_id
        return [self._curve(record) for record in competing(state) if record.candidate_id != own]

    def _curve(self, record: TrialRecord) -> Curve:
        if record.number in self._finished:
            return self._finished[record.number]
        curve = curve_of(record, sign=self._problem.settings.measures[0].sign)
        if record.state != "running":
            self._finished[record.number] = curve
        return curve


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """Finds the pruned candidate that continues next.

    Args:
        folder: The study's checkpoints. A candidate without a checkpoint never continues.
    """

    problem: Problem
    folder: ArtifactPath

    def next(self, state: StudyState) -> int | None:
        """Return the sequence index of the candidate, or None."""
        waiting = frozenset(record.sequence_index for record in stopped(state))
        if not waiting:
            return None
        sign = self.problem.settings.measures[0].sign
        indices = promotable(
            self.problem.pruner,
            [curve_of(record, sign=sign) for record in competing(state)],
            among=waiting,
            study=self.problem.settings.study,
            epochs=self.problem.epochs,
        )
        return next((i for i in indices if self._resumable(state.latest[i].candidate_id)), None)

    def _resumable(self, candidate_id: str) -> bool:
        return (self.folder / f"{candidate_id}{SUFFIX}").exists()


def stopped(state: StudyState) -> list[TrialRecord]:
    """Return the pruned trials that may continue: for each candidate the longest one.

    Candidates that are in training, have a result at another sequence index, or were lost too
    often while they continued are left out.
    """
    left_out = {state.latest[index].candidate_id for index in (*state.running, *state.to_repeat)}
    pruned = []
    for index in state.finished:
        record = state.latest[index]
        if record.state != "pruned" or index in state.given_up:
            left_out.add(record.candidate_id)
        else:
            pruned.append(record)
    return [record for record in longest(pruned) if record.candidate_id not in left_out]


def competing(state: StudyState) -> list[TrialRecord]:
    """Return the trials whose curves pruners compare: for each candidate the longest one."""
    trained = (
        record
        for record in state.latest.values()
        if record.reused_from is None and record.state in ("complete", "pruned", "running")
    )
    return [record for record in longest(trained) if record.intermediate]


def longest(records: Iterable[TrialRecord]) -> list[TrialRecord]:
    """Return the trial of each candidate that reported the most steps, the first of equals."""
    found: dict[str, TrialRecord] = {}
    for record in records:
        known = found.setdefault(record.candidate_id, record)
        if len(record.intermediate) > len(known.intermediate):
            found[record.candidate_id] = record
    return list(found.values())


def curve_of(record: TrialRecord, *, sign: float) -> Curve:
    """Return a trial's curve; ``sign`` makes larger values better."""
    return Curve(
        sequence_index=record.sequence_index or 0,
        scores={step: sign * value for step, value in record.intermediate.items()},
        outcome=record.state,  # type: ignore[arg-type]
        minimised=sign < 0,
    )
