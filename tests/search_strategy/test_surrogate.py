from __future__ import annotations

import numpy as np
import pytest

from study.search_space.candidate import ImageFormat, Values, values_key
from study.search_space.parameter import IntParameter
from study.search_space.space import Bound, SearchSpace
from study.search_strategy.samplers import surrogate as module
from study.search_strategy.samplers.optuna_strategy import OptunaStrategy
from study.search_strategy.samplers.surrogate import LARGEST_FIT, SurrogateStrategy, _informative
from study.search_strategy.strategy import History, generator
from tests.search_strategy.landscapes import (
    CONDITIONAL,
    FLAT,
    Score,
    complete,
    constant,
    make_strategy,
    mixed,
    play,
    played,
    propose,
    separable,
)


@pytest.mark.parametrize(
    ("parameters", "score", "trials"), [(6, separable, 60), (2, constant, 4**2)]
)
def test_no_candidate_is_proposed_twice(parameters: int, score: Score, trials: int) -> None:
    space = SearchSpace(name="s", parameters=FLAT.parameters[:parameters])
    observations = played("surrogate", space, score, trials=trials)
    assert len({values_key(o.values) for o in observations}) == trials


def test_duplicates_are_recognised_by_their_candidate_id() -> None:
    def identity(values: Values) -> str:
        return "".join(sorted(map(str, values.values())))

    def score(_: Values, noise: np.random.Generator) -> float:
        return float(noise.integers(7))

    observations = played("surrogate", FLAT, score, trials=40, identity=identity)
    later = [o.candidate_id for o in observations[8:]]
    assert len(set(later)) == len(later)


def test_a_candidate_in_training_is_not_proposed() -> None:
    known = played("surrogate", FLAT, separable, trials=30, seed=1)
    running: list[Values] = []
    for _ in range(6):
        running.append(propose("surrogate", FLAT, known, running=running, draw=1).values)
    assert len({values_key(values) for values in running}) == 6


def test_every_proposal_satisfies_the_constraints() -> None:
    space = SearchSpace(
        name="s",
        parameters=(
            IntParameter(name="conv_layers", low=1, high=3),
            IntParameter(name="hidden_units", low=16, high=512),
        ),
        constraints={"parameters": Bound(high=100_000)},
    )
    observations = play(
        make_strategy("surrogate", space, image=ImageFormat()),
        space,
        lambda values, _: float(values["hidden_units"]),  # larger is better, and forbidden
        trials=40,
    )
    assert all(space.allows(o.values, ImageFormat()) for o in observations)


def test_of_many_trials_the_best_and_a_spread_of_the_others_are_used() -> None:
    count = 2 * LARGEST_FIT
    kept, scores = _informative([complete(n, {"n": n}, float(n)) for n in range(count)])
    assert len(kept) == len(scores) == LARGEST_FIT
    assert {values["n"] for values in kept} >= set(range(count - LARGEST_FIT // 2, count))
    assert kept[0] == {"n": 0}
    assert np.all(np.diff(scores) > 0)


def test_a_failing_region_is_avoided() -> None:
    """Learning rates above 0.05 fail: a third of the range in the logarithm's uniform draws."""
    observations = played("surrogate", CONDITIONAL, mixed, trials=40, seed=2)
    assert sum(o.outcome == "failed" for o in observations[20:]) <= 1


def test_the_kernel_fitted_in_one_process_is_the_one_fitted_in_the_next() -> None:
    observations = played("surrogate", FLAT, separable, trials=50, seed=3)
    continued = make_strategy("surrogate", FLAT, seed=3)
    for known in (20, 33, 48, 50):
        history = History(space=FLAT, observations=observations[:known], sequence_index=known)
        again = make_strategy("surrogate", FLAT, seed=3)
        rngs = [generator(3, "draw", known) for _ in range(2)]
        assert continued.propose(history, rngs[0]) == again.propose(history, rngs[1])


@pytest.mark.parametrize(("objectives", "strategy"), [(1, SurrogateStrategy), (2, OptunaStrategy)])
def test_auto_stands_for_the_documented_sampler(objectives: int, strategy: type) -> None:
    assert isinstance(make_strategy("auto", FLAT, objectives=objectives), strategy)


def test_a_climb_continues_until_no_neighbour_is_better(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without a climb, points three changes from every leader are found by chance only."""
    monkeypatch.setattr(module, "RANDOM_POINTS", 0)
    monkeypatch.setattr(module, "DOUBLE_MOVES", 0)
    observations = [
        complete(number, {name: "ab"[(number >> i) & 1] for i, name in enumerate(FLAT.by_name)}, b)
        for number in range(64)
        if (b := number.bit_count()) <= 3
    ]
    proposed = propose("surrogate", FLAT, observations).values
    assert sum(value == "b" for value in proposed.values()) >= 5
