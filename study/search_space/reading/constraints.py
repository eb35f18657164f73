"""``constraints:`` → bounds, and the proof that some candidate satisfies them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from study.search_space.candidate import ImageFormat
from study.search_space.distinct import size_space
from study.search_space.extremes import count_of, draws, least, negated
from study.search_space.reading.document import Entry, entries_of
from study.search_space.reading.problems import Problems
from study.search_space.reading.values import number_text, read_number
from study.search_space.space import Bound, SearchSpace

MEASURES = ("parameters", "macs")
EXACT_LIMIT = 20_000
"""Points up to which every network is looked at; above, a search looks for one that fits."""


def read_constraints(entry: Entry, problems: Problems) -> dict[str, Bound]:
    """Return the bounds by measure; a plain number is the largest allowed."""
    bounds = {}
    for measure, item in entries_of(entry, MEASURES, problems).items():
        bound = _bound(item, problems)
        if bound is not None:
            bounds[measure] = bound
    return bounds


def _bound(entry: Entry, problems: Problems) -> Bound | None:
    if not isinstance(entry.value, Mapping):
        high = read_number(entry, problems)
        return None if high is None else _sound(Bound(high=high), entry, problems)
    ends = entries_of(entry, ("low", "high"), problems)
    if not ends:
        if entry.value == {}:
            message = "found an empty mapping; write {low: …, high: …}, or one of them"
            problems.add(entry.line, entry.key, message)
        return None
    numbers = {key: read_number(item, problems) for key, item in ends.items()}
    if None in numbers.values():
        return None
    return _sound(Bound(low=numbers.get("low"), high=numbers.get("high")), entry, problems)


def _sound(bound: Bound, entry: Entry, problems: Problems) -> Bound | None:
    for number in (bound.low, bound.high):
        if number is not None and number < 0:
            message = f"found {number_text(number)}; write a number from 0"
            problems.add(entry.line, entry.key, message)
            return None
    if bound.low is not None and bound.high is not None and bound.low > bound.high:
        low, high = number_text(bound.low), number_text(bound.high)
        problems.add(entry.line, entry.key, f"low {low} is above high {high}; swap them")
        return None
    return bound


def note_unsatisfiable(
    space: SearchSpace, image: ImageFormat, entry: Entry, problems: Problems
) -> None:
    """Note where no candidate satisfies the constraints.

    Exact where the sizes are few. Otherwise a search that starts in several places looks
    for a network inside the bounds, and the message says that it is a search.
    """
    networks = size_space(space)
    size = networks.size()
    exact = size is not None and size <= EXACT_LIMIT
    points = networks.points() if exact else draws(networks)
    if any(networks.allows(values, image) for values in points):
        return
    if not exact and least(networks, lambda v: networks.excess(v, image), until=0.0).score == 0.0:
        return
    none = f"none of its {size:,} sizes of network" if exact else "no network that a search finds"
    found = "; ".join(_found(networks, image))
    message = f"{none} satisfies the constraints: {found}; widen the bounds"
    problems.add(entry.line, entry.key, message)


def _found(networks: SearchSpace, image: ImageFormat) -> Iterator[str]:
    """Yield for every bound what the networks have against it."""
    for measure, bound in networks.constraints.items():
        word = "MACs" if measure == "macs" else measure
        count = count_of(networks, image, measure)
        if bound.high is not None:
            smallest = round(least(networks, count).score)
            yield f"the smallest has {smallest:,} {word}, allowed are at most {bound.high:,.0f}"
        if bound.low is not None:
            largest = -round(least(networks, negated(count)).score)
            yield f"the largest has {largest:,} {word}, required are at least {bound.low:,.0f}"
