"""The least of a number over a space: random starts, then the best change of one parameter.

Used where a space is too large to enumerate: for the smallest and largest network, and for one
inside the constraints. Counts of parameters and MACs rise with every width, so that changing one
parameter at a time goes far; the answer is still the least *found*, not proven.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from study.search_space.candidate import ImageFormat, Value, Values
from study.search_space.resolve import complexity, resolve
from study.search_space.space import AnyParameter, CategoricalParameter, SearchSpace, bins

DRAWS = 300
STARTS = 4
MOST_ROUNDS = 30
SEED = 0

Score = Callable[[Values], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The best point found and its score."""

    values: Values
    score: float


def count_of(space: SearchSpace, image: ImageFormat, measure: str) -> Score:
    """Return the function from values to ``parameters`` or ``macs`` of their network."""

    def count(values: Values) -> float:
        stack = resolve(space.candidate(values).architecture, image)
        return float(getattr(complexity(stack), measure))

    return count


def negated(score: Score) -> Score:
    """Return the score whose least is the greatest of ``score``."""
    return lambda values: -score(values)


def draws(space: SearchSpace, number: int = DRAWS) -> Iterator[Values]:
    """Yield random points, the same ones at every call."""
    rng = np.random.default_rng(SEED)
    for _ in range(number):
        yield space.sample(rng)


def drawn_inside(space: SearchSpace, image: ImageFormat, number: int) -> list[Values]:
    """Return which of so many draws satisfy the constraints; a point searched for where none."""
    inside = [values for values in draws(space, number) if space.allows(values, image)]
    return inside or [least(space, lambda v: space.excess(v, image), until=0.0).values]


def least(space: SearchSpace, score: Score, *, until: float = -math.inf) -> Found:
    """Return the point of the lowest score found; stop early at ``until`` or below."""
    rng = np.random.default_rng(SEED)
    drawn = [Found(values=values, score=score(values)) for values in draws(space)]
    best = min(drawn, key=lambda found: found.score)
    for start in sorted(drawn, key=lambda found: found.score)[:STARTS]:
        if best.score <= until:
            break
        best = min(best, _descend(space, score, start, rng), key=lambda found: found.score)
    return best


def _descend(space: SearchSpace, score: Score, start: Found, rng: np.random.Generator) -> Found:
    """Change one parameter at a time to its best value, until a round changes nothing."""
    best = start
    for _ in range(MOST_ROUNDS):
        before = best.score
        for parameter in space.parameters:
            if parameter.name not in best.values:
                continue
            for value in _alternatives(parameter, best.values[parameter.name]):
                values = space.complete({**best.values, parameter.name: value}, rng)
                found = Found(values=values, score=score(values))
                best = min(best, found, key=lambda f: f.score)
        if best.score >= before:
            break
    return best


def _alternatives(parameter: AnyParameter, current: Value) -> tuple[Value, ...]:
    """Return values spread over the range, and near the current one at doubling distances.

    Of equal scores the first counts, so their order is fixed.
    """
    values = parameter.values()
    if isinstance(parameter, CategoricalParameter) or values is None:
        return tuple(dict.fromkeys(bins(parameter)))
    at = values.index(current)
    near = (at + sign * 2**i for i in range(len(values).bit_length()) for sign in (-1, 1))
    near_values = (values[i] for i in near if 0 <= i < len(values))
    return tuple(dict.fromkeys((*bins(parameter), *near_values)))
