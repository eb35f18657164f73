"""The screen of a study: draws scored once, stored with the study, the best tried first.

Which candidates are drawn, and their scores, follow from the study's seed alone. Scores are
stored in parts as they come, so that a resume or another worker pays for none of them twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from study.common.errors import StudyError
from study.performance_estimation.screen import Scorer, ScreenSpec, make_scorer
from study.running.candidate_source.draw import CandidateSource, Source
from study.search_space.candidate import Candidate, Values
from study.search_strategy.strategy import Proposal, generator
from study.storage.ledger import COST
from study.storage.stored_study import StoredStudy

if TYPE_CHECKING:
    import optuna

    from study.performance_estimation.estimator import EstimatorContext

PART = 50
"""Draws scored between two writes."""

MOST_MISSES = 2_000
"""So many draws in a row that are twins or not allowed end the drawing: the space is small."""

PREFIX = f"{COST}screen:"


@dataclass(slots=True, kw_only=True)
class Screening:
    """Scores the draws when they are first asked for; under the study's lock.

    Args:
        spec: What was asked for.
        study: Where the scores are stored.
        source: Draws the study's candidates: its space, seed and identities.
        candidate: Values → candidate.
        scorer: Makes what scores a candidate; called only where scores are missing.
        alive: Called after every score; may raise to stop.
    """

    spec: ScreenSpec
    study: optuna.Study
    source: CandidateSource
    candidate: Callable[[Values], Candidate]
    scorer: Callable[[], Scorer]
    alive: Callable[[], None] = lambda: None
    _best: tuple[Proposal, ...] | None = None

    def at(self, rank: int) -> Proposal | None:
        """Return the draw of a rank, from 0 for the best; None beyond the last one kept."""
        if rank >= self.spec.kept or rank >= len(self.best()):
            return None
        return self.best()[rank]

    def best(self) -> tuple[Proposal, ...]:
        """Return the best draws, best first; equal scores in the order drawn.

        Raises:
            StudyError: Not one of the draws has a score.
        """
        if self._best is None:
            draws = self.draws()
            self._best = self._ranked(draws, self._scores(draws))
        return self._best

    def draws(self) -> dict[str, Values]:
        """Return distinct allowed candidates by id, in the order drawn; fewer in a small space."""
        source, rng = self.source, generator(self.source.seed, "screen")
        found: dict[str, Values] = {}
        misses = 0
        while len(found) < self.spec.draws and misses < MOST_MISSES:
            values = source.space.sample(rng)
            name = source.points.identify(values)
            if name in found or not source.points.allows(values):
                misses += 1
                continue
            found[name], misses = values, 0
        return found

    def _scores(self, draws: Mapping[str, Values]) -> list[float | None]:
        scores = stored_scores(self.study.user_attrs)
        if len(scores) >= len(draws):
            return scores
        scorer, left = self.scorer(), list(draws.values())[len(scores) :]
        for start in range(0, len(left), PART):
            begun = time.perf_counter()
            part = [self._score(scorer, values) for values in left[start : start + PART]]
            seconds = time.perf_counter() - begun
            self.study.set_user_attr(
                f"{PREFIX}{len(scores):06d}",
                {
                    "what": f"screen by {self.spec.proxy}",
                    "epochs": 0,
                    "seconds": round(seconds, 4),
                    "scores": part,
                },
            )
            scores += part
        return scores

    def _score(self, scorer: Scorer, values: Values) -> float | None:
        self.alive()
        return scorer(self.candidate(values))

    def _ranked(
        self, draws: Mapping[str, Values], scores: list[float | None]
    ) -> tuple[Proposal, ...]:
        scored = [
            (score, values)
            for score, values in zip(scores, draws.values(), strict=False)
            if score is not None
        ]
        if not scored:
            raise StudyError(
                f"--screen {self.spec.proxy}: none of {len(draws)} draws has a finite score;"
                " choose another score, or leave the screen out"
            )
        order = sorted(scored, key=lambda pair: -pair[0])[: self.spec.kept]
        return tuple(
            Proposal(
                values=dict(values),
                notes={"screen": self.spec.proxy, "score": score, "rank": rank},
            )
            for rank, (score, values) in enumerate(order, 1)
        )


def stored_scores(attributes: Mapping[str, Any]) -> list[float | None]:
    """Return the scores that a study's attributes hold, in the order drawn."""
    parts = sorted(key for key in attributes if key.startswith(PREFIX))
    return [score for key in parts for score in attributes[key]["scores"]]


def with_screen(
    source: Source, stored: StoredStudy, context: EstimatorContext, *, alive: Callable[[], None]
) -> Source:
    """Return the source with its study's screen before it, if there is one."""
    spec = stored.problem.screen
    if spec is None or not isinstance(source, CandidateSource):
        return source
    screening = Screening(
        spec=spec,
        study=stored.study,
        source=source,
        candidate=context.space.candidate,
        scorer=lambda: make_scorer(spec, context),
        alive=alive,
    )
    return replace(source, screened=screening.at)
