"""A look at the networks of a space: all of them where they are few, else a sample."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from study.common.errors import SearchSpaceError
from study.search_space.candidate import ImageFormat, Value, Values
from study.search_space.distinct import architecture_space
from study.search_space.extremes import Score, count_of, least, negated
from study.search_space.resolve import architecture_id, complexity, resolve
from study.search_space.space import SearchSpace

EXACT_LIMIT = 20_000
"""Points of the architecture that are looked at one by one, in about half a second."""
SAMPLE = 1_000
SEED = 0
_OUTSIDE = 1e18
"""Weight that puts every network outside the constraints behind every one inside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """Smallest and largest of a count."""

    low: int
    high: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What a look at the networks of a space found.

    Args:
        exact: Every network was looked at; else a sample, and the ranges come from a search.
        looked_at: Points of the architecture that were looked at.
        allowed: How many of them satisfy the constraints.
        networks: Distinct networks among the allowed; a lower bound if not exact.
        parameters: Range of the allowed networks' parameters.
        macs: Range of their multiply-accumulates for one image.
        seen: The values of every parameter in allowed networks.
    """

    exact: bool
    looked_at: int
    allowed: int
    networks: int
    parameters: Range
    macs: Range
    seen: Mapping[str, frozenset[Value]]


def survey(space: SearchSpace, image: ImageFormat) -> Survey:
    """Return what the networks of a space are like; deterministic.

    Raises:
        SearchSpaceError: No network satisfies the constraints on images of this format.
    """
    networks = architecture_space(space)
    size = networks.size()
    exact = size is not None and size <= EXACT_LIMIT
    tally = _Tally()
    for values in networks.points() if exact else _sample(networks):
        tally.add(values, networks, image)
    if exact and not tally.allowed:
        message = f"{space.name}: no candidate satisfies the constraints on images of this format"
        raise SearchSpaceError([f"{message} ({image.size} pixels wide); widen the bounds"])
    ranges = tally.ranges() if exact else _searched_ranges(networks, image)
    return Survey(
        exact=exact,
        looked_at=tally.looked_at,
        allowed=tally.allowed,
        networks=len(tally.ids),
        parameters=ranges["parameters"],
        macs=ranges["macs"],
        seen={name: frozenset(values) for name, values in tally.seen.items()},
    )


class _Tally:
    """Counts points, one after the other."""

    def __init__(self) -> None:
        self.looked_at = self.allowed = 0
        self.ids: set[str] = set()
        self.counts: dict[str, list[int]] = {"parameters": [], "macs": []}
        self.seen: dict[str, set[Value]] = {}

    def add(self, values: Values, space: SearchSpace, image: ImageFormat) -> None:
        candidate = space.candidate(values)
        self.looked_at += 1
        if space.excess_of(candidate, image) > 0:
            return
        self.allowed += 1
        name = architecture_id(candidate.architecture, image)
        if name not in self.ids:
            self.ids.add(name)
            size = complexity(resolve(candidate.architecture, image))
            self.counts["parameters"].append(size.parameters)
            self.counts["macs"].append(size.macs)
        for parameter, value in values.items():
            self.seen.setdefault(parameter, set()).add(value)

    def ranges(self) -> dict[str, Range]:
        return {
            measure: Range(low=min(counts), high=max(counts))
            for measure, counts in self.counts.items()
        }


def _sample(space: SearchSpace) -> Iterator[Values]:
    rng = np.random.default_rng(SEED)
    for _ in range(SAMPLE):
        yield space.sample(rng)


def _searched_ranges(space: SearchSpace, image: ImageFormat) -> dict[str, Range]:
    """Return the ranges that a search inside the constraints finds."""
    ranges = {}
    for measure in ("parameters", "macs"):
        count = count_of(space, image, measure)
        low = least(space, _inside(space, image, count)).values
        high = least(space, _inside(space, image, negated(count))).values
        ranges[measure] = Range(low=round(count(low)), high=round(count(high)))
    return ranges


def _inside(space: SearchSpace, image: ImageFormat, score: Score) -> Score:
    return lambda values: score(values) + _OUTSIDE * space.excess(values, image)
