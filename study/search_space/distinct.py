"""The distinct networks and candidates of a space, and the parts of a space that define them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from types import MappingProxyType

from study.search_space.candidate import RECIPE_FIELDS, Candidate, ImageFormat, Values
from study.search_space.parameter import CategoricalParameter
from study.search_space.resolve import architecture_id, candidate_id, recipe_id
from study.search_space.space import SearchSpace

LIMIT = 200_000
"""Most points to enumerate, at about 20 µs each."""


def architecture_space(space: SearchSpace) -> SearchSpace:
    """Return the space of the architecture alone, every value of it and not only the grid's.

    A parameter of the recipe stays where a condition of the architecture asks for it.
    """
    return _projected(space, lambda name: name not in RECIPE_FIELDS)


def size_space(space: SearchSpace) -> SearchSpace:
    """Return the space of what decides how many parameters and MACs a network has."""
    sizeless = {*RECIPE_FIELDS, "activation", "dropout"}
    return _projected(space, lambda name: name not in sizeless)


def recipe_space(space: SearchSpace) -> SearchSpace:
    """Return the space of the recipe alone, without constraints, which are on the network.

    A parameter of the architecture stays where a condition of the recipe asks for it.
    """
    recipes = _projected(space, lambda name: name in RECIPE_FIELDS)
    return dataclasses.replace(recipes, constraints={})


def ungridded(space: SearchSpace) -> SearchSpace:
    """Return the space without ``grid_points``: its points are all that can be drawn."""
    parameters = tuple(
        p if isinstance(p, CategoricalParameter) else dataclasses.replace(p, grid_points=None)
        for p in space.parameters
    )
    return dataclasses.replace(space, parameters=parameters)


def _projected(space: SearchSpace, wanted: Callable[[str], bool]) -> SearchSpace:
    """Return the space of the wanted parameters and of those that their conditions ask for."""
    needed: set[str] = set()
    for parameter in reversed(space.parameters):  # a condition looks back only
        if parameter.name in needed or wanted(parameter.name):
            needed |= {parameter.name, *(c.parameter for c in parameter.when)}
    kept = tuple(p for p in space.parameters if p.name in needed)
    return ungridded(dataclasses.replace(space, parameters=kept, enqueue=()))


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
