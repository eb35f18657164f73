from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from study.search_space.candidate import ImageFormat, Values, values_key
from study.search_space.parameter import IntParameter
from study.search_space.space import Bound, SearchSpace
from study.search_strategy.sampler import StrategyContext
from study.search_strategy.samplers import surrogate as module
from study.search_strategy.samplers.model_based import Auto
from study.search_strategy.samplers.surrogate import LARGEST_FIT, SurrogateStrategy, _informative
from study.search_strategy.strategy import History, Observation, generator
from tests.search_strategy.landscapes import (
    CONDITIONAL,
    FLAT,
    Score,
    constant,
    make_strategy,
    mixed,
    play,
    separable,
)


@pytest.mark.parametrize(
    ("parameters", "score", "trials"), [(6, separable, 60), (2, constant, 4**2)]
)
def test_no_candidate_is_proposed_twice(parameters: int, score: Score, trials: int) -> None:
    space = SearchSpace(name="s", parameters=FLAT.parameters[:parameters])
    strategy = make_strategy("surrogate", StrategyContext(space=space))
    observations = play(strategy, space, score, trials=trials, seed=0)
    assert len({values_key(o.values) for o in observations}) == trials


def test_duplicates_are_recognised_by_their_candidate_id() -> None:
    def identity(values: Values) -> str:
        return "".join(sorted(map(str, values.values())))

    context = StrategyContext(space=FLAT, identity=identity)
    observations = play(
        make_strategy("surrogate", context),
        FLAT,
        lambda _, noise: float(noise.integers(7)),
        trials=40,
        seed=0,
        identity=identity,
    )
    later = [o.candidate_id for o in observations[8:]]
    assert len(set(later)) == len(later)


def test_a_candidate_in_training_is_not_proposed() -> None:
    context = StrategyContext(space=FLAT, seed=1)
    known = tuple(play(make_strategy("surrogate", context), FLAT, separable, trials=30, seed=1))
    running: list[Values] = []
    for _ in range(6):
        history = History(
            space=FLAT, observations=known, running=tuple(running), sequence_index=30
        )
        proposal = make_strategy("surrogate", context).propose(history, generator(1, "draw", 30))
        running.append(proposal.values)
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
    context = StrategyContext(space=space, image=ImageFormat())
    observations = play(
        make_strategy("surrogate", context),
        space,
        lambda values, _: float(values["hidden_units"]),  # larger is better, and forbidden
        trials=40,
        seed=0,
    )
    assert all(space.allows(o.values, ImageFormat()) for o in observations)


def test_of_many_trials_the_best_and_a_spread_of_the_others_are_used() -> None:
    observations = [
        Observation(number=n, values={}, outcome="complete", scores=(float(n),))
        for n in range(2 * LARGEST_FIT)
    ]
    kept, scores = _informative(observations)
    assert len(kept) == len(scores) == LARGEST_FIT
    assert {o.number for o in kept} >= set(
        range(2 * LARGEST_FIT - LARGEST_FIT // 2, 2 * LARGEST_FIT)
    )
    assert kept[0].number == 0
    assert np.all(np.diff(scores) > 0)


def test_a_failing_region_is_avoided() -> None:
    """Learning rates above 0.05 fail: a third of the range in the logarithm's uniform draws."""
    context = StrategyContext(space=CONDITIONAL, seed=2)
    played = play(make_strategy("surrogate", context), CONDITIONAL, mixed, trials=40, seed=2)
    assert sum(o.outcome == "failed" for o in played[20:]) <= 1


def test_the_kernel_fitted_in_one_process_is_the_one_fitted_in_the_next() -> None:
    context = StrategyContext(space=FLAT, seed=3)
    played = tuple(play(make_strategy("surrogate", context), FLAT, separable, trials=50, seed=3))
    gone_on = make_strategy("surrogate", context)
    for known in (20, 33, 48, 50):
        history = History(space=FLAT, observations=played[:known], sequence_index=known)
        again = make_strategy("surrogate", context)
        rngs = [generator(3, "draw", known) for _ in range(2)]
        assert gone_on.propose(history, rngs[0]) == again.propose(history, rngs[1])


@pytest.mark.parametrize(("objectives", "name"), [(1, "surrogate"), (2, "tpe")])
def test_auto_stands_for_the_documented_sampler(objectives: int, name: str) -> None:
    context = StrategyContext(space=FLAT, objectives=objectives)
    assert Auto().choice(context).name == name
    assert type(make_strategy("auto", context)) is type(make_strategy(name, context))


def test_a_climb_continues_until_no_neighbour_is_better(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without a climb, points three changes from every leader are found by chance only."""
    monkeypatch.setattr(module, "RANDOM_POINTS", 0)
    monkeypatch.setattr(module, "DOUBLE_MOVES", 0)
    letters = "abcd"
    observations = tuple(
        Observation(
            number=n,
            values={p.name: letters[(n >> i) & 1] for i, p in enumerate(FLAT.parameters)},
            outcome="complete",
            scores=(float(bin(n).count("1")),),
            candidate_id=str(n),
        )
        for n in range(64)
        if bin(n).count("1") <= 3
    )
    strategy = make_strategy("surrogate", replace(StrategyContext(space=FLAT), seed=0))
    assert isinstance(strategy, SurrogateStrategy)
    history = History(space=FLAT, observations=observations, sequence_index=len(observations))
    proposal = strategy.propose(history, generator(0, "draw"))
    assert sum(value == "b" for value in proposal.values.values()) >= 5
