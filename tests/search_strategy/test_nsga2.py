from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.search_space.candidate import Values
from study.search_strategy.samplers.nsga2 import (
    cross,
    crowding,
    mutate,
    population_for,
    selection_order,
    vectors,
)
from study.search_strategy.strategy import Observation
from tests.search_strategy.landscapes import CONDITIONAL, FLAT, all_of, assert_is_point, played


def test_crowding_is_the_distance_of_the_neighbours_and_infinite_at_the_ends() -> None:
    scores = np.array([[0, 10], [1, 6], [4, 5], [10, 0]], dtype=float)
    assert crowding(scores) == pytest.approx([np.inf, 0.4 + 0.5, 0.9 + 0.6, np.inf])


def test_failed_trials_are_dominated_by_all_others() -> None:
    trials = [
        Observation(number=0, values={}, outcome="complete", scores=(0.1, -9.0)),
        Observation(number=1, values={}, outcome="failed"),
        Observation(number=2, values={}, outcome="complete", scores=(0.2, -10.0)),
    ]
    assert [front for front, _ in selection_order(vectors(trials))] == [1, 2, 1]


@pytest.mark.parametrize(
    ("budget", "population"), [(None, 20), (15, 10), (100, 10), (200, 20), (5000, 50)]
)
def test_the_population_is_a_tenth_of_the_budget(budget: int | None, population: int) -> None:
    assert population_for(budget) == population


@given(st.integers(0, 2**32))
def test_a_child_inherits_conditional_values_and_is_a_point_of_the_space(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = CONDITIONAL.sample(rng), CONDITIONAL.sample(rng)
    crossed = cross(a, b, rng)
    assert all(value in (a.get(name), b.get(name)) for name, value in crossed.items())
    child = CONDITIONAL.complete(crossed, rng)
    for name, value in child.items():
        assert value in (a.get(name), b.get(name))
    assert_is_point(mutate(CONDITIONAL, child, rng), CONDITIONAL)


def test_one_value_in_expectation_is_drawn_again() -> None:
    rng = np.random.default_rng(0)
    children = [mutate(FLAT, all_of("a"), rng) for _ in range(2000)]
    changed = [sum(value != "a" for value in child.values()) for child in children]
    assert np.mean(changed) == pytest.approx(3 / 4, abs=0.06)  # a quarter is drawn as it was


def two_objectives(values: Values, _: np.random.Generator) -> tuple[float, float]:
    worth = {"a": 0.0, "b": 0.4, "c": 0.7, "d": 1.0}
    price = {"a": 0.0, "b": 0.1, "c": 0.5, "d": 1.0}
    chosen = [str(v) for v in values.values()]
    return sum(worth[c] for c in chosen), -sum(price[c] for c in chosen)


def front_size(name: str, seed: int) -> int:
    """Return how many results are on the true front: choices a, b and c are, d seldom is."""
    observations = played(name, FLAT, two_objectives, trials=150, seed=seed, objectives=2)
    found = {o.scores for o in observations}
    return sum(worth > _best_worth(-price) - 0.1 for worth, price in found)


def _best_worth(price: float) -> float:
    """Return the largest worth for a price, choices divisible: b first, then c, then d."""
    worth, left = 0.0, price
    for gain, cost in ((0.4, 0.1), (0.3, 0.4), (0.3, 0.5)):
        share = min(left, 6 * cost)
        worth, left = worth + share / cost * gain, left - share
    return worth


def test_more_of_the_front_is_found_than_by_chance() -> None:
    own, random = (
        sum(front_size(name, seed) for seed in range(6)) for name in ("nsga2", "random")
    )
    assert own > 1.5 * random
