"""The distinct candidates of a space, and the parts of a space that define them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from types import MappingProxyType

from study.search_space.candidate import RECIPE_FIELDS, Candidate, ImageFormat, Values
from study.search_space.parameter import CategoricalParameter
from study.search_space.resolve import candidate_id, recipe_id
from study.search_space.space import SearchSpace

LIMIT = 200_000
"""Most points to enumerate, at about 20 µs each."""


def architecture_space(space: SearchSpace) -> SearchSpace:
    """Return the space of the architecture, with all values and not only those of the grid.

    It keeps parameters of the recipe that conditions of the architecture refer to.
    """
    return _projected(space, lambda name: name not in RECIPE_FIELDS)


def size_space(space: SearchSpace) -> SearchSpace:
    """Return the space of the parameters that decide the size of a network."""
    sizeless = {*RECIPE_FIELDS, "activation", "dropout"}
    return _projected(space, lambda name: name not in sizeless)


def recipe_space(space: SearchSpace) -> SearchSpace:
    """Return the space of the recipe, without constraints, which concern the network.

    It keeps parameters of the architecture that conditions of the recipe refer to.
    """
    recipes = _projected(space, lambda name: name in RECIPE_FIELDS)
    return dataclasses.replace(recipes, constraints={})


def ungridded(space: SearchSpace) -> SearchSpace:
    """Return the space without ``grid_points``: its points are all values that can be drawn."""
    parameters = tuple(
        p if isinstance(p, CategoricalParameter) else dataclasses.replace(p, grid_points=None)
        for p in space.parameters
    )
    return dataclasses.replace(space, parameters=parameters)


def _projected(space: SearchSpace, wanted: Callable[[str], bool]) -> SearchSpace:
    """Return the space of the wanted parameters and those that their conditions refer to."""
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

    ``grid_points`` have no effect. None if the space has more than ``limit`` points or cannot be
    counted.
    """
    return _first_of_each(space, image, lambda c: candidate_id(c, image), limit)


def distinct_recipes(
    space: SearchSpace, image: ImageFormat, limit: int = LIMIT
) -> Mapping[str, Values] | None:
    """Return the first point of every distinct recipe by its id; None if uncountable."""
    return _first_of_each(recipe_space(space), image, lambda c: recipe_id(c.recipe), limit)


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
        if name not in found and not space.broken_bounds(candidate, image):
            found[name] = values
    return MappingProxyType(found)
