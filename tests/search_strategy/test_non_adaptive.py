from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from study.common.errors import SettingsError
from study.search_space.candidate import ImageFormat, Values, values_key
from study.search_space.parameter import CategoricalParameter, FloatParameter, IntParameter
from study.search_space.space import Bound, SearchSpace
from study.search_strategy.strategy import Exhausted, History, Observation, generator
from tests.search_strategy.landscapes import CONDITIONAL, FLAT, make_strategy, propose

RNG = generator(0, "unused")
SEED_LIKE = SearchSpace(
    name="seed-like",
    parameters=(
        IntParameter(name="conv_layers", low=1, high=5),
        IntParameter(name="hidden_units", low=16, high=512, grid_points=3),
        CategoricalParameter(name="dropout", choices=(0, 0.2, 0.5, 0.8)),
    ),
)


def failed(number: int, values: Values) -> Observation:
    return Observation(number=number, values=values, outcome="failed")


def walk(name: str, space: SearchSpace, limit: int = 10_000, **context: Any) -> list[Values]:
    """Return the points that a study tries, in order."""
    strategy, observations = make_strategy(name, space, **context), list[Observation]()
    while len(observations) < limit:
        history = History(space=space, observations=tuple(observations))
        try:
            values = strategy.propose(history, RNG).values
        except Exhausted:
            break
        observations.append(failed(len(observations), values))
    return [o.values for o in observations]


def next_of(
    observations: Sequence[Observation], running: Sequence[Values] = (), **context: Any
) -> Values:
    """Return the point that the grid tries next."""
    return propose("grid", SEED_LIKE, observations, running=running, **context).values


@pytest.mark.parametrize("space", [SEED_LIKE, CONDITIONAL])
def test_the_grid_visits_every_point_once_and_ends(space: SearchSpace) -> None:
    visited = walk("grid", space)
    assert len(visited) == space.size()
    assert {values_key(v) for v in visited} == {values_key(v) for v in space.points()}


def test_the_grid_is_shuffled_by_the_studys_seed() -> None:
    first, second, again = (walk("grid", SEED_LIKE, seed=seed) for seed in (1, 2, 1))
    assert first != second != list(SEED_LIKE.points())
    assert first == again


def test_workers_share_one_order_and_a_point_lost_to_a_crash_comes_up_again() -> None:
    order = walk("grid", SEED_LIKE)
    assert next_of([], running=order[:2]) == order[2]
    assert next_of([failed(n, order[n]) for n in (0, 1, 3, 4)]) == order[2]
    of_another_study = failed(-1, order[0])
    assert next_of([of_another_study]) == order[0]


def test_a_duplicate_of_a_running_candidate_waits_while_others_are_left() -> None:
    running: Values = {"conv_layers": 3, "hidden_units": 16, "dropout": 0}
    done = [v for v in SEED_LIKE.points() if v != running and v != {**running, "conv_layers": 4}]
    observations = [failed(n, values) for n, values in enumerate(done)]
    assert next_of(observations[:-1], [running], image=ImageFormat()) == done[-1]
    duplicate = {**running, "conv_layers": 4}
    assert next_of(observations, [running], image=ImageFormat()) == duplicate


def test_the_grid_leaves_out_forbidden_points() -> None:
    space = replace(SEED_LIKE, constraints={"parameters": Bound(high=500_000)})
    visited = walk("grid", space, image=ImageFormat())
    assert 0 < len(visited) < (space.size() or 0)
    assert all(space.allows(v, ImageFormat()) for v in visited)


def test_an_uncountable_space_has_no_grid() -> None:
    space = SearchSpace(name="s", parameters=(FloatParameter(name="dropout", low=0, high=1),))
    with pytest.raises(SettingsError, match="dropout has no countable values; give it 'step'"):
        make_strategy("grid", space)


def test_too_many_points_are_an_error_with_their_number() -> None:
    parameters = (CategoricalParameter(name=f"p{i}", choices=("a", "b")) for i in range(17))
    with pytest.raises(SettingsError, match="has 131,072 points, more than 100,000"):
        make_strategy("grid", replace(FLAT, parameters=tuple(parameters)))


def test_quasi_random_points_cover_every_choice_evenly() -> None:
    visited = walk("qmc", FLAT, limit=64, seed=4)
    for parameter in FLAT.parameters:
        counts = [sum(v[parameter.name] == c for v in visited) for c in parameter.values() or ()]
        assert counts == [16, 16, 16, 16]


def test_a_quasi_random_search_of_a_small_space_ends() -> None:
    space = SearchSpace(name="s", parameters=(IntParameter(name="conv_layers", low=1, high=5),))
    assert len(walk("qmc", space)) == 5
