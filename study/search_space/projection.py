"""The part of a space that decides which network is built."""

from __future__ import annotations

import dataclasses

from study.search_space.candidate import RECIPE_FIELDS
from study.search_space.space import CategoricalParameter, SearchSpace


def architecture_space(space: SearchSpace) -> SearchSpace:
    """Return the space of the architecture alone, every value of it and not only the grid's.

    A parameter of the recipe stays where a condition of the architecture asks for it.
    """
    needed: set[str] = set()
    for parameter in reversed(space.parameters):
        if parameter.name in needed or parameter.name not in RECIPE_FIELDS:
            needed |= {parameter.name, *(c.parameter for c in parameter.when)}
    kept = tuple(p for p in space.parameters if p.name in needed)
    return ungridded(dataclasses.replace(space, parameters=kept, enqueue=()))


def ungridded(space: SearchSpace) -> SearchSpace:
    """Return the space without ``grid_points``: its points are all that can be drawn."""
    parameters = tuple(
        p if isinstance(p, CategoricalParameter) else dataclasses.replace(p, grid_points=None)
        for p in space.parameters
    )
    return dataclasses.replace(space, parameters=parameters)
