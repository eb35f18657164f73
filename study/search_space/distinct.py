"""How many different candidates a space really has: twins counted once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from study.search_space.candidate import Candidate, ImageFormat, Values
from study.search_space.projection import architecture_space, recipe_space, ungridded
from study.search_space.resolve import architecture_id, candidate_id, recipe_id
from study.search_space.space import SearchSpace

LIMIT = 200_000
"""Points that are looked at, at about 20 µs each."""


def distinct_candidates(
    space: SearchSpace, image: ImageFormat, limit: int = LIMIT
) -> Mapping[str, Values] | None:
    """Return the first point of every distinct candidate inside the constraints, by its id.

    Args:
        space: The space; ``grid_points`` play no part, they thin out the grid only.
        image: Format of the images.
        limit: Most points to look at.

    Returns:
        The points in the order of the space; None where it has more than ``limit`` points, or a
        parameter whose values cannot be counted.
    """
    return _first_of_each(space, image, lambda c: candidate_id(c, image), limit)


def distinct_networks(
    space: SearchSpace, image: ImageFormat, limit: int = LIMIT
) -> Mapping[str, Values] | None:
    """Return a point for every distinct network, by ``architecture_id``; None if uncountable.

    Only the parameters of the architecture are gone through, so that a learning rate without step
    does not stand in the way.
    """
    networks = architecture_space(space)
    return _first_of_each(networks, image, lambda c: architecture_id(c.architecture, image), limit)


def count_candidates(space: SearchSpace, image: ImageFormat, limit: int = LIMIT) -> int | None:
    """Return the number of distinct candidates; None if it cannot be counted.

    Where no condition ties the recipe to the architecture, every network meets every recipe and
    the two are counted apart.
    """
    networks, recipes = architecture_space(space), recipe_space(space)
    if networks.by_name.keys() & recipes.by_name.keys():
        found = distinct_candidates(space, image, limit)
        return None if found is None else len(found)
    counted = distinct_networks(space, image, limit)
    if counted is None:
        return None
    trained = _first_of_each(recipes, image, lambda c: recipe_id(c.recipe), limit)
    return None if trained is None else len(counted) * len(trained)


def _first_of_each(
    space: SearchSpace,
    image: ImageFormat,
    identity: Callable[[Candidate], str],
    limit: int,
) -> Mapping[str, Values] | None:
    space = ungridded(space)
    size = space.size()
    if size is None or size > limit:
        return None
    found: dict[str, Values] = {}
    for values in space.points():
        candidate = space.candidate(values)
        name = identity(candidate)
        if name not in found and space.excess_of(candidate, image) == 0.0:
            found[name] = values
    return MappingProxyType(found)
