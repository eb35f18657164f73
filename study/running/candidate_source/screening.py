"""The screen of a study: sampled candidates are scored untrained, and the best are tried first.

The candidates and their scores follow from the study's seed alone. Scores are stored with the
study in parts as they are computed, so that a resume or another worker computes none twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import optuna

from study.common.errors import StudyError
from study.performance_estimation.estimator import EstimatorContext
from study.performance_estimation.screen import Scorer, ScreenSpec, make_scorer
from study.search_space.candidate import Values
from study.search_strategy.strategy import Proposal, generator
from study.settings.problem import Problem
from study.storage.costs import COST

PART = 50
"""Candidates scored between two writes."""

MOST_MISSES = 2_000
"""After this many draws in a row without a new allowed candidate, the space counts as small."""

PREFIX = f"{COST}screen:"


@dataclass(slots=True, kw_only=True)
class Screening:
    """Scores the candidates when the first of them is asked for, under the study's lock.

    Args:
        study: Stores the scores.
        alive: Called before every score; may raise to stop.
    """

    spec: ScreenSpec
    problem: Problem
    study: optuna.Study
    context: EstimatorContext
    alive: Callable[[], None] = lambda: None
    _best: tuple[Proposal, ...] | None = None

    def at(self, rank: int) -> Proposal | None:
        """Return the candidate of a rank, from 0 for the best; None beyond the last one kept."""
        if rank >= self.spec.kept or rank >= len(self.best()):
            return None
        return self.best()[rank]

    def best(self) -> tuple[Proposal, ...]:
        """Return the best candidates, best first; equal scores in the order drawn."""
        if self._best is None:
            draws = self.draws()
            self._best = self._ranked(draws, self._scores(draws))
        return self._best

    def draws(self) -> dict[str, Values]:
        """Return distinct allowed candidates by id, in the order drawn; fewer in a small space."""
        problem, rng = self.problem, generator(self.problem.settings.seed, "screen")
        found: dict[str, Values] = {}
        misses = 0
        while len(found) < self.spec.draws and misses < MOST_MISSES:
            values = problem.sampled_space.sample(rng)
            name = problem.identify(values)
            if name in found or not problem.allows(values):
                misses += 1
                continue
            found[name], misses = values, 0
        return found

    def _scores(self, draws: Mapping[str, Values]) -> list[float | None]:
        scores = stored_scores(self.study.user_attrs)
        if len(scores) >= len(draws):
            return scores
        scorer, left = make_scorer(self.spec, self.context), list(draws.values())[len(scores) :]
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
        return scorer(self.problem.candidate(values))

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
