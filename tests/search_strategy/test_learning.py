"""Learning samplers beat random search on a landscape whose choices add up."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from study.search_space.candidate import Values
from tests.search_strategy.landscapes import (
    CONDITIONAL,
    FLAT,
    mixed,
    played,
    propose,
    separable,
)

TRIALS = 100
LEARNERS = ("reinforce", "q_learning", "evolution", "nsga2", "local_search", "tpe", "auto")
RESTARTS = {"local_search"}
"""It restarts at an optimum, so its last trials need not be better."""
RANKERS = ("reinforce", "q_learning", "evolution", "local_search", "nsga2", "cmaes", "surrogate")


class Silent:
    """Noise of zero."""

    def normal(self, *_: float) -> float:
        return 0.0


def true_scores(name: str, seed: int) -> list[float]:
    observations = played(name, FLAT, separable, trials=TRIALS, seed=seed)
    return [separable(o.values, Silent()) for o in observations]  # type: ignore[arg-type]


SLOW = ("auto", "tpe")


@pytest.fixture(scope="module")
def random_bests() -> list[float]:
    return [max(true_scores("random", seed)) for seed in range(40)]


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow) if n in SLOW else n for n in LEARNERS]
)
def test_learners_beat_random_search_and_their_last_quarter_the_first(
    name: str, random_bests: list[float]
) -> None:
    seeds = range(10 if name in ("tpe", "auto") else 40)
    runs = [true_scores(name, seed) for seed in seeds]
    ahead = [max(run) > random_bests[seed] for seed, run in zip(seeds, runs, strict=True)]
    assert np.mean(ahead) >= 0.9
    learnt = [np.mean(run[-25:]) > np.mean(run[:25]) for run in runs]
    assert name in RESTARTS or np.mean(learnt) >= 0.95


@pytest.mark.parametrize("name", RANKERS)
def test_proposals_are_the_same_under_an_increasing_transformation_of_the_scores(
    name: str,
) -> None:
    def stretched(values: Values, noise: np.random.Generator) -> float | None:
        score = mixed(values, noise)
        return None if score is None else float(np.exp(3 * score)) - 11

    plain, other = (played(name, CONDITIONAL, s, trials=40, seed=4) for s in (mixed, stretched))
    assert [o.values for o in plain] == [o.values for o in other]


@pytest.mark.parametrize("name", RANKERS)
def test_a_pruned_trial_never_ranks_above_complete_ones(name: str) -> None:
    """A score at an early step is not comparable with final scores."""
    known = played(name, CONDITIONAL, mixed, trials=30, seed=4)

    low, high = (
        [*known[:20], replace(known[20], outcome="pruned", scores=(score,), step=1), *known[21:]]
        for score in (-1e3, 1e3)
    )
    after_low, after_high = (
        propose(name, CONDITIONAL, seen, budget=40, seed=4).values for seen in (low, high)
    )
    assert after_low == after_high
