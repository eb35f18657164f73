from __future__ import annotations

from dataclasses import replace

import pytest

from study.common.errors import SettingsError
from study.search_space.candidate import ImageFormat, Values, values_key
from study.search_space.parameter import CategoricalParameter, FloatParameter, IntParameter
from study.search_space.space import Bound, SearchSpace
from study.search_strategy.sampler import StrategyContext
from study.search_strategy.strategy import (
    Exhausted,
    History,
    Observation,
    Strategy,
    generator,
)
from tests.search_strategy.landscapes import CONDITIONAL, FLAT, make_strategy

RNG = generator(0, "unused")
SEED_LIKE = SearchSpace(
    name="seed-like",
    parameters=(
        IntParameter(name="conv_layers", low=1, high=5),
        IntParameter(name="hidden_units", low=16, high=512, grid_points=3),
        CategoricalParameter(name="dropout", choices=(0, 0.2, 0.5, 0.8)),
    ),
)


def walk(strategy: Strategy, space: SearchSpace, limit: int = 10_000) -> list[Values]:
    observations: list[Observation] = []
    while len(observations) < limit:
        history = History(space=space, observations=tuple(observations))
        try:
            values = strategy.propose(history, RNG).values
        except Exhausted:
            break
        observations.append(Observation(number=len(observations), values=values, outcome="failed"))
    return [o.values for o in observations]


@pytest.mark.parametrize("space", [SEED_LIKE, CONDITIONAL])
def test_the_grid_visits_every_point_once_and_ends(space: SearchSpace) -> None:
    visited = walk(make_strategy("grid", StrategyContext(space=space)), space)
    assert len(visited) == space.size()
    assert {values_key(v) for v in visited} == {values_key(v) for v in space.points()}


def test_the_grid_is_shuffled_by_the_studys_seed() -> None:
    orders = [
        walk(make_strategy("grid", StrategyContext(space=SEED_LIKE, seed=s)), SEED_LIKE)
        for s in (1, 2)
    ]
    assert orders[0] != orders[1] != list(SEED_LIKE.points())
    assert orders[0] == walk(
        make_strategy("grid", StrategyContext(space=SEED_LIKE, seed=1)), SEED_LIKE
    )


def test_two_workers_get_the_points_of_one() -> None:
    strategy = make_strategy("grid", StrategyContext(space=SEED_LIKE))
    order = walk(strategy, SEED_LIKE)
    history = History(space=SEED_LIKE, observations=(), running=(order[0], order[1]))
    assert strategy.propose(history, RNG).values == order[2]


def test_a_point_lost_to_a_crash_comes_up_again() -> None:
    strategy = make_strategy("grid", StrategyContext(space=SEED_LIKE))
    order = walk(strategy, SEED_LIKE)
    observations = tuple(
        Observation(number=n, values=order[n], outcome="failed") for n in (0, 1, 3, 4)
    )
    history = History(space=SEED_LIKE, observations=observations)
    assert strategy.propose(history, RNG).values == order[2]


def test_points_of_another_study_are_still_visited() -> None:
    strategy = make_strategy("grid", StrategyContext(space=SEED_LIKE))
    order = walk(strategy, SEED_LIKE)
    prior = (Observation(number=-1, values=order[0], outcome="failed"),)
    history = History(space=SEED_LIKE, observations=prior)
    assert strategy.propose(history, RNG).values == order[0]


def test_a_duplicate_of_a_running_candidate_waits_while_others_are_left() -> None:
    strategy = make_strategy("grid", StrategyContext(space=SEED_LIKE, image=ImageFormat()))
    running: Values = {"conv_layers": 3, "hidden_units": 16, "dropout": 0}
    done = [v for v in SEED_LIKE.points() if v != running and v != {**running, "conv_layers": 4}]
    *most, last = done
    observations = tuple(
        Observation(number=n, values=v, outcome="failed") for n, v in enumerate(most)
    )
    history = History(space=SEED_LIKE, observations=observations, running=(running,))
    assert strategy.propose(history, RNG).values == last
    everything = (*observations, Observation(number=99, values=last, outcome="failed"))
    history = replace(history, observations=everything)
    assert strategy.propose(history, RNG).values == {**running, "conv_layers": 4}


def test_the_grid_leaves_out_forbidden_points() -> None:
    space = replace(SEED_LIKE, constraints={"parameters": Bound(high=500_000)})
    visited = walk(make_strategy("grid", StrategyContext(space=space, image=ImageFormat())), space)
    assert 0 < len(visited) < (space.size() or 0)
    assert all(space.allows(v, ImageFormat()) for v in visited)


def test_an_uncountable_space_has_no_grid() -> None:
    space = SearchSpace(name="s", parameters=(FloatParameter(name="dropout", low=0, high=1),))
    with pytest.raises(SettingsError, match="dropout has no countable values; give it 'step'"):
        make_strategy("grid", StrategyContext(space=space))


def test_too_many_points_are_an_error_with_their_number() -> None:
    space = replace(
        FLAT,
        parameters=tuple(
            CategoricalParameter(name=f"p{i}", choices=("a", "b")) for i in range(17)
        ),
    )
    with pytest.raises(SettingsError, match="has 131,072 points, more than 100,000"):
        make_strategy("grid", StrategyContext(space=space))


def test_quasi_random_points_cover_every_choice_evenly() -> None:
    visited = walk(make_strategy("qmc", StrategyContext(space=FLAT, seed=4)), FLAT, limit=64)
    for parameter in FLAT.parameters:
        counts = [sum(v[parameter.name] == c for v in visited) for c in parameter.values() or ()]
        assert counts == [16, 16, 16, 16]


def test_a_quasi_random_search_of_a_small_space_ends() -> None:
    space = SearchSpace(name="s", parameters=(IntParameter(name="conv_layers", low=1, high=5),))
    assert len(walk(make_strategy("qmc", StrategyContext(space=space)), space)) == 5
