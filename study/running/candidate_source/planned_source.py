"""What comes next in a study whose trainings are listed."""

from __future__ import annotations

from dataclasses import dataclass

from study.search_strategy.strategy import Exhausted
from study.settings.study_settings import Plan, PlannedTraining
from study.storage.lifecycle import StudyState
from study.storage.records import REPEAT, Draw, DrawnCandidate, TrialRecord

SEED = "seed"
"""Key of a draw's notes: the training seed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedSource:
    """Hands out the runs of a plan, each once.

    A run is known by its candidate and its seed and not by its place, so that a plan may grow
    between two calls of its command.

    Args:
        plan: What is trained.
        seed: The study's seed.
    """

    plan: Plan
    seed: int

    def next(self, state: StudyState) -> DrawnCandidate | None:
        """Return the next run, or None where the last ones are still being trained.

        Raises:
            Exhausted: Every run was made.
        """
        if state.to_repeat:
            return self._repeat(state.latest[state.to_repeat[0]])
        made = {record.training for record in state.latest.values()}
        for run in self.plan.trainings():
            if run.key not in made:
                return self._drawn(run, state.next_index)
        if state.running:
            return None
        raise Exhausted(f"all {len(self.plan.trainings())} trainings of the plan are done")

    def _drawn(self, run: PlannedTraining, sequence_index: int) -> DrawnCandidate:
        seed = self.plan.seed(self.seed, run.repeat)
        notes = {REPEAT: run.repeat, SEED: seed}
        return DrawnCandidate(
            values=dict(run.candidate.params),
            draw=Draw(sequence_index=sequence_index, source="planned", notes=notes),
            candidate_id=run.candidate.candidate_id,
            seed=seed,
        )

    def _repeat(self, lost: TrialRecord) -> DrawnCandidate:
        assert lost.draw is not None
        notes = lost.draw.notes
        draw = Draw(
            sequence_index=lost.draw.sequence_index,
            source=lost.draw.source,
            notes=notes,
            retry_of=lost.number,
        )
        return DrawnCandidate(
            values=dict(lost.params),
            draw=draw,
            candidate_id=lost.candidate_id,
            seed=int(notes[SEED]),
        )
