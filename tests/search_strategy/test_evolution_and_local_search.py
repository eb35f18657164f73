from __future__ import annotations

import numpy as np
import pytest

from study.search_space.candidate import ImageFormat, Values
from study.search_space.parameter import CategoricalParameter, IntParameter
from study.search_space.space import Bound, SearchSpace
from study.search_strategy.sampler import StrategyContext
from study.search_strategy.strategy import History, Observation, generator
from tests.search_strategy.landscapes import CONDITIONAL, FLAT, make_strategy

LETTERS = "abcd"


def point(number: int) -> Values:
    return {p.name: LETTERS[(number >> 2 * i) & 3] for i, p in enumerate(FLAT.parameters)}


def trial(number: int, values: Values, score: float | None, **notes: object) -> Observation:
    return Observation(
        number=number,
        values=values,
        outcome="failed" if score is None else "complete",
        scores=() if score is None else (score,),
        candidate_id=str(sorted(values.items())),
        notes=notes,
    )


def changes(a: Values, b: Values) -> int:
    return sum(a.get(name) != b.get(name) for name in {**a, **b})


def ask(text: str, observations: list[Observation], *, seed: int = 0, **more: object) -> Values:
    context = StrategyContext(space=FLAT, budget=100)
    history = History(space=FLAT, observations=tuple(observations), **more)  # type: ignore[arg-type]
    return make_strategy(text, context).propose(history, generator(seed, "draw")).values


def test_evolution_mutates_one_parameter_of_a_member_that_is_alive() -> None:
    observations = [trial(n, point(37 * n), float(n)) for n in range(50)]
    alive = [o.values for o in observations[-20:]]
    for seed in range(30):
        child = ask("evolution", observations, seed=seed)
        assert min(changes(child, parent) for parent in alive) == 1


def test_the_best_of_the_dead_is_no_parent() -> None:
    champion = trial(0, point(4095), 99.0)
    observations = [champion, *(trial(n, point(0), float(-n)) for n in range(1, 40))]
    for seed in range(30):
        child = ask("evolution", observations, seed=seed)
        assert changes(child, champion.values) >= 5


def test_with_a_sample_as_large_as_needed_the_best_alive_is_the_parent() -> None:
    observations = [trial(n, point(37 * n), float(-n)) for n in range(20)]
    child = ask("evolution,sample=1000", observations)
    assert changes(child, observations[0].values) == 1


def test_local_search_tries_the_neighbours_of_the_best_of_its_first_points() -> None:
    observations = [trial(n, point(37 * n), float(n == 4)) for n in range(10)]
    tried = set()
    while len(observations) < 10 + 18:
        values = ask("local_search", observations, seed=len(observations))
        assert changes(values, observations[4].values) == 1
        tried.add(str(sorted(values.items())))
        observations.append(trial(len(observations), values, 0.0, centre=4))
    assert len(tried) == 18  # six parameters, three other choices each


def test_local_search_goes_to_the_first_better_neighbour() -> None:
    observations = [trial(n, point(37 * n), float(n == 4)) for n in range(10)]
    better = ask("local_search", observations)
    observations.append(trial(10, better, 2.0, centre=4))
    assert changes(ask("local_search", observations), better) == 1


def test_a_change_that_failed_at_the_last_centre_waits_for_the_untried_ones() -> None:
    observations = [trial(n, point(0), 0.0) for n in range(10)]
    bad = {**point(0), "choice0": "b"}
    good = {**point(0), "choice1": "c"}
    observations += [trial(10, bad, -1.0, centre=0), trial(11, good, 1.0, centre=0)]
    seen = set()
    for seed in range(200):
        values = ask("local_search", observations, seed=seed)
        seen.add(next((n, v) for n, v in values.items() if good[n] != v))
    assert ("choice0", "b") not in seen
    assert len(seen) == 18 - 1 - 1  # and not back to where it came from


def test_at_an_optimum_it_restarts_once_for_all_workers() -> None:
    space = SearchSpace(name="s", parameters=FLAT.parameters[:1])
    context = StrategyContext(space=space)
    start = [trial(0, {"choice0": "a"}, 5.0)]
    around = [trial(n, {"choice0": c}, 1.0, centre=0) for n, c in enumerate("bcd", start=1)]
    history = History(space=space, observations=(*start, *around))
    proposal = make_strategy("local_search,start=1", context).propose(history, generator(0, "x"))
    assert proposal.notes == {"restart": 0}
    first = trial(4, {"choice0": "b"}, 3.0, restart=0)
    second = trial(5, {"choice0": "c"}, 2.0, restart=0)
    strategy = make_strategy("local_search,start=1", context)
    climb = strategy._climb.over((*start, *around, first, second))  # type: ignore[attr-defined]
    assert climb.centre == first


@pytest.mark.parametrize("name", ["evolution", "local_search"])
def test_failed_trials_are_never_climbed_from_while_others_are_known(name: str) -> None:
    observations = [trial(n, point(37 * n), None if n != 3 else -9.0) for n in range(20)]
    values = ask(f"{name},sample=500" if name == "evolution" else name, observations)
    assert changes(values, observations[3].values) == 1


def test_local_search_leaves_forbidden_neighbours_out() -> None:
    space = SearchSpace(
        name="s",
        parameters=(
            IntParameter(name="conv_layers", low=1, high=3),
            CategoricalParameter(name="hidden_units", choices=(16, 512)),
        ),
        constraints={"parameters": Bound(high=500_000)},
    )
    context = StrategyContext(space=space, image=ImageFormat())
    start = trial(0, {"conv_layers": 1, "hidden_units": 16}, 1.0)
    history = History(space=space, observations=(start,))
    for seed in range(20):
        values = make_strategy("local_search,start=1", context).propose(
            history, generator(seed, "x")
        )
        assert space.allows(values.values, ImageFormat())


def test_a_mutated_gate_brings_its_parameters_along() -> None:
    rng = np.random.default_rng(0)
    known = [trial(n, CONDITIONAL.sample(rng), float(n)) for n in range(20)]
    history = History(space=CONDITIONAL, observations=tuple(known))
    strategy = make_strategy("evolution", StrategyContext(space=CONDITIONAL))
    for seed in range(60):
        values = strategy.propose(history, generator(seed, "x")).values
        assert ("hidden_units" in values) == (values["head"] == "flatten")
