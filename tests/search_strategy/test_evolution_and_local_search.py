from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from study.search_space.candidate import ImageFormat, Values
from study.search_space.parameter import CategoricalParameter, IntParameter
from study.search_space.space import Bound, SearchSpace
from study.search_strategy.strategy import Observation
from tests.search_strategy.landscapes import CONDITIONAL, FLAT, complete, make_strategy, propose

FAILED: dict[str, Any] = {"outcome": "failed", "scores": ()}


def point(number: int) -> Values:
    return {p.name: "abcd"[(number >> 2 * i) & 3] for i, p in enumerate(FLAT.parameters)}


def changes(a: Values, b: Values) -> int:
    return sum(a.get(name) != b.get(name) for name in {**a, **b})


def ask(text: str, observations: Sequence[Observation], *, draw: int = 0) -> Values:
    return propose(text, FLAT, observations, draw=draw).values


def test_evolution_mutates_one_parameter_of_a_member_that_is_alive() -> None:
    observations = [complete(n, point(37 * n), float(n)) for n in range(50)]
    alive = [o.values for o in observations[-20:]]
    for draw in range(30):
        child = ask("evolution", observations, draw=draw)
        assert min(changes(child, parent) for parent in alive) == 1


def test_the_best_of_the_dead_is_no_parent() -> None:
    champion = complete(0, point(4095), 99.0)
    observations = [champion, *(complete(n, point(0), float(-n)) for n in range(1, 40))]
    for draw in range(30):
        child = ask("evolution", observations, draw=draw)
        assert changes(child, champion.values) >= 5


def test_with_a_sample_as_large_as_needed_the_best_alive_is_the_parent() -> None:
    observations = [complete(n, point(37 * n), float(-n)) for n in range(20)]
    child = ask("evolution,sample=1000", observations)
    assert changes(child, observations[0].values) == 1


def test_local_search_tries_the_neighbours_of_the_best_of_its_first_points() -> None:
    observations = [complete(n, point(37 * n), float(n == 4)) for n in range(10)]
    tried = set()
    while len(observations) < 10 + 18:
        values = ask("local_search", observations, draw=len(observations))
        assert changes(values, observations[4].values) == 1
        tried.add(str(sorted(values.items())))
        observations.append(complete(len(observations), values, 0.0, centre=4))
    assert len(tried) == 18  # six parameters, three other choices each


def test_local_search_goes_to_the_first_better_neighbour() -> None:
    observations = [complete(n, point(37 * n), float(n == 4)) for n in range(10)]
    better = ask("local_search", observations)
    observations.append(complete(10, better, 2.0, centre=4))
    assert changes(ask("local_search", observations), better) == 1


def test_a_change_that_failed_at_the_last_centre_waits_for_the_untried_ones() -> None:
    observations = [complete(n, point(0), 0.0) for n in range(10)]
    bad = {**point(0), "choice0": "b"}
    good = {**point(0), "choice1": "c"}
    observations += [complete(10, bad, -1.0, centre=0), complete(11, good, 1.0, centre=0)]
    seen = set()
    for draw in range(200):
        values = ask("local_search", observations, draw=draw)
        seen.add(next((n, v) for n, v in values.items() if good[n] != v))
    assert ("choice0", "b") not in seen
    assert len(seen) == 18 - 1 - 1  # and not back to where it came from


def test_at_an_optimum_it_restarts_once_for_all_workers() -> None:
    space = SearchSpace(name="s", parameters=FLAT.parameters[:1])
    start = complete(0, {"choice0": "a"}, 5.0)
    around = [complete(n, {"choice0": c}, 1.0, centre=0) for n, c in enumerate("bcd", start=1)]
    proposal = propose("local_search,start=1", space, [start, *around])
    assert proposal.notes == {"restart": 0}
    first = complete(4, {"choice0": "b"}, 3.0, restart=0)
    second = complete(5, {"choice0": "c"}, 2.0, restart=0)
    strategy = make_strategy("local_search,start=1", space)
    climb = strategy._climb.over((start, *around, first, second))  # type: ignore[attr-defined]
    assert climb.centre == first


@pytest.mark.parametrize("text", ["evolution,sample=500", "local_search"])
def test_failed_trials_are_never_climbed_from_while_others_are_known(text: str) -> None:
    observations = [
        replace(complete(n, point(37 * n), -9.0), **({} if n == 3 else FAILED)) for n in range(20)
    ]
    assert changes(ask(text, observations), observations[3].values) == 1


def test_local_search_leaves_forbidden_neighbours_out() -> None:
    space = SearchSpace(
        name="s",
        parameters=(
            IntParameter(name="conv_layers", low=1, high=3),
            CategoricalParameter(name="hidden_units", choices=(16, 512)),
        ),
        constraints={"parameters": Bound(high=500_000)},
    )
    start, image = complete(0, {"conv_layers": 1, "hidden_units": 16}, 1.0), ImageFormat()
    for draw in range(20):
        found = propose("local_search,start=1", space, [start], draw=draw, image=image)
        assert space.allows(found.values, image)


def test_a_parameter_that_a_mutation_makes_active_has_a_value() -> None:
    rng = np.random.default_rng(0)
    known = [complete(n, CONDITIONAL.sample(rng), float(n)) for n in range(20)]
    for draw in range(60):
        values = propose("evolution", CONDITIONAL, known, draw=draw).values
        assert ("hidden_units" in values) == (values["head"] == "flatten")
