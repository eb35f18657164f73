"""What a worker tries next: sampled candidates, or the trainings of a plan."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from study.performance_estimation.estimator import EstimatorContext
from study.running.candidate_source.sampled_source import SampledSource
from study.running.candidate_source.screening import Screening
from study.running.curves import Promotion
from study.search_space.candidate import Values
from study.search_strategy.strategy import Exhausted
from study.settings.study_settings import Plan
from study.storage.lifecycle import StudyState
from study.storage.records import REPEAT, Draw, DrawnCandidate
from study.storage.stored_study import StoredStudy
from study.transfer.transfer import known_results, prior_observations

SEED = "seed"
"""Key of a draw's notes: the training seed."""


class CandidateSource(Protocol):
    """Decides what a worker tries next."""

    def next(self, state: StudyState) -> DrawnCandidate | None:
        """Return the next candidate; None where it depends on a trial that is still running.

        Raises:
            Exhausted: Nothing is left to try.
        """


def make_source(
    stored: StoredStudy,
    context: EstimatorContext | None = None,
    *,
    alive: Callable[[], None] = lambda: None,
) -> CandidateSource:
    """Return the candidate source of a stored study.

    Args:
        context: What a screen scores candidates with, and where checkpoints are. Without it no
            new screen score can be computed, and no pruned candidate continues.
        alive: Called before every score of a screen; may raise to stop.
    """
    settings, problem = stored.settings, stored.problem
    if settings.plan is not None:
        return PlannedSource(plan=settings.plan, seed=settings.seed)
    context = context or EstimatorContext(space=problem.space, image=problem.image)
    screening = promotion = None
    if problem.screen is not None:
        screening = Screening(
            spec=problem.screen, problem=problem, study=stored.study, context=context, alive=alive
        )
    if problem.pruner.promotes and context.folder is not None:
        promotion = Promotion(problem=problem, folder=context.folder)
    return SampledSource(
        points=problem,
        space=problem.sampled_space,
        strategy=problem.sampler.make(problem.strategy_context),
        seed=settings.seed,
        budget=settings.trials,
        measures=settings.measures,
        closed=settings.candidates is not None,
        known=known_results(stored),
        prior=prior_observations(stored),
        screening=screening,
        promotion=promotion,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedSource:
    """Returns each training of a plan once.

    A training is identified by its candidate and its seed, not by its sequence index, so that a
    plan may grow between two runs of its command.
    """

    plan: Plan
    seed: int

    def next(self, state: StudyState) -> DrawnCandidate | None:
        """Return the next training; None while only the last ones are still running."""
        if state.to_repeat:
            lost = state.latest[state.to_repeat[0]]
            assert lost.draw is not None
            draw = replace(lost.draw, retry_of=lost.number)
            return self._drawn(lost.params, lost.candidate_id, draw)
        done = {record.training for record in state.latest.values()}
        for training in self.plan.trainings():
            if training.key not in done:
                notes = {REPEAT: training.repeat, SEED: self.plan.seed(self.seed, training.repeat)}
                draw = Draw(sequence_index=state.next_index, source="planned", notes=notes)
                candidate = training.candidate
                return self._drawn(candidate.params, candidate.candidate_id, draw)
        if state.running:
            return None
        raise Exhausted(f"all {len(self.plan.trainings())} trainings of the plan are done")

    @staticmethod
    def _drawn(values: Values, candidate_id: str, draw: Draw) -> DrawnCandidate:
        seed = int(draw.notes[SEED])
        return DrawnCandidate(values=dict(values), draw=draw, candidate_id=candidate_id, seed=seed)
