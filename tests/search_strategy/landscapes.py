"""Search spaces with closed-form scores, and the loop that plays a strategy on them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from study.search_space.candidate import Value, Values
from study.search_space.parameter import (
    CategoricalParameter,
    Condition,
    FloatParameter,
    IntParameter,
)
from study.search_space.space import SearchSpace
from study.search_strategy.registry import parse_sampler
from study.search_strategy.sampler import StrategyContext
from study.search_strategy.strategy import History, Observation, Proposal, Strategy, generator

Score = Callable[[Values, np.random.Generator], float | tuple[float, ...] | None]
"""Values and noise → score or one score per objective, or None for a failed training."""

FLAT = SearchSpace(
    name="flat",
    parameters=tuple(
        CategoricalParameter(name=f"choice{i}", choices=("a", "b", "c", "d")) for i in range(6)
    ),
)

CONDITIONAL = SearchSpace(
    name="conditional",
    parameters=(
        CategoricalParameter(name="head", choices=("flatten", "global_average")),
        IntParameter(
            name="hidden_units",
            low=16,
            high=512,
            log=True,
            grid_points=3,
            when=(Condition(parameter="head", values=("flatten",)),),
        ),
        CategoricalParameter(name="flip", choices=(True, False)),
        IntParameter(name="conv_layers", low=1, high=5),
        FloatParameter(name="learning_rate", low=1e-4, high=1e-1, log=True, grid_points=3),
        FloatParameter(name="dropout", low=0.0, high=0.6, step=0.1),
    ),
)

FLATTEN: Values = {
    "head": "flatten",
    "hidden_units": 64,
    "flip": True,
    "conv_layers": 2,
    "learning_rate": 0.01,
    "dropout": 0.3,
}
AVERAGE: Values = {k: v for k, v in FLATTEN.items() if k != "hidden_units"} | {
    "head": "global_average"
}
"""Two points of the conditional space; the second has no hidden units."""


def separable(values: Values, noise: np.random.Generator) -> float:
    """Return a sum of one gain a choice, plus noise of standard deviation 0.3."""
    gains = {"a": 0.0, "b": 0.4, "c": 0.7, "d": 1.0}
    return sum(gains[str(v)] for v in values.values()) + float(noise.normal(0.0, 0.3))


def constant(_: Values, __: np.random.Generator) -> float:
    """Return the same score for every point."""
    return 1.0


def mixed(values: Values, noise: np.random.Generator) -> float | None:
    """Return a score of the conditional space; learning rates above 0.05 fail."""
    rate = float(values["learning_rate"])
    if rate > 0.05:
        return None
    hidden = float(values.get("hidden_units", 50))
    return float(
        -abs(np.log10(rate) + 2.5)
        - 0.1 * abs(float(values["conv_layers"]) - 4)
        + 0.2 * np.log(hidden) / 6
        + noise.normal(0.0, 0.05)
    )


def all_of(letter: str) -> Values:
    """Return the point of the flat space with one letter everywhere."""
    return dict.fromkeys(FLAT.by_name, letter)


def complete(number: int, values: Values, score: float, **notes: object) -> Observation:
    """Return a finished trial without a candidate id."""
    return Observation(
        number=number, values=values, outcome="complete", scores=(score,), notes=notes
    )


def assert_is_point(values: Values, space: SearchSpace) -> None:
    active: dict[str, Value] = {}
    for parameter in space.parameters:
        if space.is_active(parameter, active):
            active[parameter.name] = values[parameter.name]
    assert active == values
    for name, value in values.items():
        parameter = space.by_name[name]
        choices = parameter.values()
        if choices is None:
            assert parameter.low <= value <= parameter.high  # type: ignore[union-attr, operator]
        else:
            assert any(type(value) is type(c) and value == c for c in choices), (name, value)
    json.dumps(dict(values))


def make_strategy(text: str, space: SearchSpace, **context: Any) -> Strategy:
    """Return the strategy of a sampler's text for a study."""
    return parse_sampler(text).make(StrategyContext(space=space, **context))


def propose(
    text: str,
    space: SearchSpace,
    observations: Sequence[Observation] = (),
    *,
    running: Sequence[Values] = (),
    draw: int = 0,
    **context: Any,
) -> Proposal:
    """Return the next proposal of a sampler's text; ``draw`` seeds its randomness."""
    history = History(
        space=space,
        observations=tuple(observations),
        running=tuple(running),
        sequence_index=len(observations),
        budget=context.get("budget"),
    )
    return make_strategy(text, space, **context).propose(history, generator(draw, "draw"))


def played(
    text: str,
    space: SearchSpace,
    score: Score,
    *,
    trials: int,
    seed: int = 0,
    known: Sequence[Observation] = (),
    **context: Any,
) -> tuple[Observation, ...]:
    """Return the trials of a sampler's text, with a budget of this many."""
    strategy = make_strategy(text, space, budget=trials, seed=seed, **context)
    identity = context.get("identity")
    return play(strategy, space, score, trials=trials, seed=seed, known=known, identity=identity)


def _name(values: Values) -> str:
    return repr(sorted(values.items()))


def play(
    strategy: Strategy,
    space: SearchSpace,
    score: Score,
    *,
    trials: int,
    seed: int = 0,
    known: Sequence[Observation] = (),
    identity: Callable[[Values], str] | None = None,
) -> tuple[Observation, ...]:
    """Return the observations of this many trials, one after the other.

    ``trials`` includes ``known``, the trials that were played before.
    """
    observations = list(known)
    for sequence_index in range(len(observations), trials):
        history = History(
            space=space,
            observations=tuple(observations),
            sequence_index=sequence_index,
            budget=trials,
        )
        proposal = strategy.propose(history, generator(seed, "propose", sequence_index, 0))
        value = score(proposal.values, generator(seed, "noise", sequence_index))
        observations.append(
            Observation(
                number=sequence_index,
                values=proposal.values,
                outcome="failed" if value is None else "complete",
                scores=() if value is None else value if isinstance(value, tuple) else (value,),
                step=3,
                candidate_id=(identity or _name)(proposal.values),
                notes=proposal.notes,
            )
        )
    return tuple(observations)
