"""Learning samplers beat random search on a landscape whose choices add up."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from study.search_space.candidate import Values
from study.search_strategy.sampler import StrategyContext
from study.search_strategy.strategy import History, Observation, generator
from tests.search_strategy.landscapes import (
    CONDITIONAL,
    FLAT,
    make_strategy,
    mixed,
    play,
    separable,
)

TRIALS = 100
LEARNERS = ("reinforce", "q_learning", "evolution", "nsga2", "local_search", "tpe", "auto")
RESTARTS = {"local_search"}
"""It restarts at an optimum, so its last trials need not be better."""
RANKERS = ("reinforce", "q_learning", "evolution", "local_search", "nsga2", "cmaes", "surrogate")


def played(name: str, seed: int) -> list[Observation]:
    context = StrategyContext(space=FLAT, budget=TRIALS, seed=seed)
    return play(make_strategy(name, context), FLAT, separable, trials=TRIALS, seed=seed)


def true_score(values: Values) -> float:
    class Silent:
        def normal(self, *_: float) -> float:
            return 0.0

    return separable(values, Silent())  # type: ignore[arg-type]


def best_true_score(observations: list[Observation]) -> float:
    return max(true_score(o.values) for o in observations)


def mean_true_score(observations: list[Observation]) -> float:
    return float(np.mean([true_score(o.values) for o in observations]))


@pytest.fixture(scope="module")
def random_bests() -> list[float]:
    return [best_true_score(played("random", seed)) for seed in range(40)]


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow) if n == "auto" else n for n in LEARNERS]
)
def test_learners_beat_random_search_and_their_last_quarter_the_first(
    name: str, random_bests: list[float]
) -> None:
    seeds = range(10 if name in ("tpe", "auto") else 40)
    runs = [played(name, seed) for seed in seeds]
    ahead = [best_true_score(run) > random_bests[s] for s, run in zip(seeds, runs, strict=True)]
    assert np.mean(ahead) >= 0.9
    learnt = [mean_true_score(run[-25:]) > mean_true_score(run[:25]) for run in runs]
    assert name in RESTARTS or np.mean(learnt) >= 0.95


@pytest.mark.parametrize("name", RANKERS)
def test_proposals_are_the_same_under_an_increasing_transformation_of_the_scores(
    name: str,
) -> None:
    def stretched(values: Values, noise: np.random.Generator) -> float | None:
        score = mixed(values, noise)
        return None if score is None else float(np.exp(3 * score)) - 11

    context = StrategyContext(space=CONDITIONAL, budget=40, seed=4)
    plain, other = (
        play(make_strategy(name, context), CONDITIONAL, score, trials=40, seed=4)
        for score in (mixed, stretched)
    )
    assert [o.values for o in plain] == [o.values for o in other]


@pytest.mark.parametrize("name", RANKERS)
def test_a_pruned_trial_never_ranks_above_complete_ones(
    name: str,
) -> None:
    """A score at an early step is not comparable with final scores."""
    context = StrategyContext(space=CONDITIONAL, budget=40, seed=4)
    known = play(make_strategy(name, context), CONDITIONAL, mixed, trials=30, seed=4)
    low, high = (
        [
            replace(o, outcome="pruned", scores=(shift,), step=1) if o.number == 20 else o
            for o in known
        ]
        for shift in (-1e3, 1e3)
    )
    proposals = [
        make_strategy(name, context).propose(
            History(space=CONDITIONAL, observations=tuple(seen), sequence_index=30, budget=40),
            generator(4, "propose", 30, 0),
        )
        for seen in (low, high)
    ]
    assert proposals[0].values == proposals[1].values
