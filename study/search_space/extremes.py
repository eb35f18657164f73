"""Minimises a score over a space that is too large to enumerate.

Finds the smallest and the largest network, and a network inside the constraints, by random starts
and coordinate descent. Counts of parameters and MACs increase with every width, so coordinate
descent works well. The result is the least score found, not a proven minimum.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import numpy as np

from study.search_space.candidate import ImageFormat, Value, Values
from study.search_space.parameter import AnyParameter, CategoricalParameter, bins
from study.search_space.resolve import Complexity, complexity, resolve
from study.search_space.space import SearchSpace

EXACT_LIMIT = 20_000
"""Most points to enumerate; this takes about half a second."""
DRAWS = 300
STARTS = 4
MOST_ROUNDS = 30
SEED = 0
_OUTSIDE = 1e18
"""Weight that ranks every network outside the constraints after all networks inside them."""

Score = Callable[[Values], float]


class ScoredPoint(NamedTuple):
    """A point and its score."""

    values: Values
    score: float


def is_small(space: SearchSpace) -> bool:
    """Tell whether all points of a space can be enumerated."""
    size = space.size()
    return size is not None and size <= EXACT_LIMIT


def draws(space: SearchSpace, number: int = DRAWS) -> Iterator[Values]:
    """Yield random points, the same at every call."""
    rng = np.random.default_rng(SEED)
    for _ in range(number):
        yield space.sample(rng)


def drawn_inside(space: SearchSpace, image: ImageFormat, number: int) -> list[Values]:
    """Return the draws inside the constraints; without any, one point that a search finds."""
    inside = [values for values in draws(space, number) if space.allows(values, image)]
    return inside or [nearest_allowed(space, image).values]


def nearest_allowed(space: SearchSpace, image: ImageFormat) -> ScoredPoint:
    """Return the point nearest to the constraints; its score is 0 if it satisfies them."""
    return least(space, lambda values: space.excess(values, image), until=0.0)


def count_range(
    space: SearchSpace, image: ImageFormat, measure: str, *, inside: bool
) -> tuple[int, int]:
    """Return the smallest and largest ``parameters`` or ``macs`` that a search finds.

    If ``inside``, networks outside the constraints are ignored.
    """

    def counts(values: Values) -> Complexity:
        return complexity(resolve(space.candidate(values).architecture, image))

    def score(sign: int, values: Values) -> float:
        counted = counts(values)
        outside = 0.0
        if inside:
            outside = sum(b.excess(getattr(counted, m)) for m, b in space.constraints.items())
        return sign * float(getattr(counted, measure)) + _OUTSIDE * outside

    ends = (least(space, partial(score, sign)) for sign in (1, -1))
    low, high = (int(getattr(counts(end.values), measure)) for end in ends)
    return low, high


def least(space: SearchSpace, score: Score, *, until: float = -math.inf) -> ScoredPoint:
    """Return the point with the lowest score found; stop early at ``until`` or below."""
    rng = np.random.default_rng(SEED)
    drawn: list[ScoredPoint] = []
    for values in draws(space):
        drawn.append(ScoredPoint(values=values, score=score(values)))
        if drawn[-1].score <= until:
            return drawn[-1]
    drawn.sort(key=lambda found: found.score)
    best = drawn[0]
    for start in drawn[:STARTS]:
        best = min(best, _descend(space, score, start, rng), key=lambda found: found.score)
        if best.score <= until:
            break
    return best


def _descend(
    space: SearchSpace, score: Score, start: ScoredPoint, rng: np.random.Generator
) -> ScoredPoint:
    """Change one parameter at a time to its best value, until a round changes nothing."""
    best = start
    for _ in range(MOST_ROUNDS):
        before = best.score
        for parameter in space.parameters:
            if parameter.name not in best.values:
                continue
            for value in _alternatives(parameter, best.values[parameter.name]):
                values = space.complete({**best.values, parameter.name: value}, rng)
                found = ScoredPoint(values=values, score=score(values))
                best = min(best, found, key=lambda f: f.score)
        if best.score >= before:
            break
    return best


def _alternatives(parameter: AnyParameter, current: Value) -> tuple[Value, ...]:
    """Return values across the range, and values at doubling distances from the current one.

    The order is fixed, because the first of equal scores wins.
    """
    values = parameter.values()
    if isinstance(parameter, CategoricalParameter) or values is None:
        return tuple(dict.fromkeys(bins(parameter)))
    at = values.index(current)
    near = (at + sign * 2**i for i in range(len(values).bit_length()) for sign in (-1, 1))
    near_values = (values[i] for i in near if 0 <= i < len(values))
    return tuple(dict.fromkeys((*bins(parameter), *near_values)))
