"""The parts of a space: what decides which network is built, and how it is trained."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from study.search_space.candidate import RECIPE_FIELDS
from study.search_space.space import CategoricalParameter, SearchSpace


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
