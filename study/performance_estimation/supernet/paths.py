"""Which spaces a supernet can hold, and which of its paths a training step trains."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import numpy as np

from study.common.errors import SettingsError
from study.search_space.candidate import RECIPE_FIELDS, ImageFormat, Value, Values
from study.search_space.parameter import AnyParameter
from study.search_space.space import SearchSpace

PathSource = Callable[[int, int], Sequence[Values]]
"""(epoch, step), both from 1 → the values of each path that the step trains, at least one."""

Draw = Callable[[SearchSpace, ImageFormat, np.random.Generator], tuple[Values, ...]]

_WIDTHS = frozenset({"channels", "hidden_units", "kernel"})
_ATTEMPTS = 1000


def check_space(space: SearchSpace) -> None:
    """Check that all candidates of a space are trained by one recipe.

    Raises:
        SettingsError: Parameters of the recipe vary. The message names all of them.
    """
    varying = [p.name for p in space.parameters if p.name in RECIPE_FIELDS and _varies(p)]
    if varying:
        raise SettingsError(
            f"{space.name}: the supernet trains all candidates at once by one recipe, so it "
            f"cannot score values of {', '.join(varying)}; give each one value in the space, or "
            f"use --estimator train"
        )


def blind_to(space: SearchSpace) -> tuple[str, ...]:
    """Return the varying parameters that have no effect on a supernet's score.

    Dropout has no weights and is off in validation: candidates that differ in it alone tie.
    """
    return tuple(p.name for p in space.parameters if p.name == "dropout" and _varies(p))


def _varies(parameter: AnyParameter) -> bool:
    values = parameter.values()
    return values is None or len(values) > 1


def uniform(
    space: SearchSpace, image: ImageFormat, rng: np.random.Generator
) -> tuple[Values, ...]:
    """Return one random candidate (Li and Talwalkar, arXiv 1902.07638)."""
    return (_allowed(space, image, rng),)


def sandwich(
    space: SearchSpace, image: ImageFormat, rng: np.random.Generator
) -> tuple[Values, ...]:
    """Return a widest, a narrowest and two random candidates (Yu and Huang, arXiv 1903.05134).

    The widest and the narrowest are random except for channels, hidden units and kernels. Where
    one breaks a constraint, a random candidate replaces it.
    """
    return (
        _extreme(space, image, rng, end=max),
        _extreme(space, image, rng, end=min),
        _allowed(space, image, rng),
        _allowed(space, image, rng),
    )


DRAWS: Mapping[str, Draw] = MappingProxyType({"sandwich": sandwich, "uniform": uniform})
"""How the paths of a step are drawn, by name."""

PATHS_PER_STEP: Mapping[str, int] = MappingProxyType({"sandwich": 4, "uniform": 1})
"""Number of paths that a step trains, by the same names."""


def source(draw: Draw, space: SearchSpace, image: ImageFormat, *, seed: int) -> PathSource:
    """Return the paths of every step, each a function of the seed, the epoch and the step."""
    return lambda epoch, step: draw(space, image, np.random.default_rng([seed, epoch, step]))


def _allowed(space: SearchSpace, image: ImageFormat, rng: np.random.Generator) -> Values:
    for _ in range(_ATTEMPTS):
        values = space.sample(rng)
        if space.allows(values, image):
            return values
    raise SettingsError(f"{space.name}: none of {_ATTEMPTS} random candidates is allowed")


def _extreme(
    space: SearchSpace,
    image: ImageFormat,
    rng: np.random.Generator,
    *,
    end: Callable[[tuple[Value, Value]], Value],
) -> Values:
    values = dict(_allowed(space, image, rng))
    for name in values:
        if name.rpartition(".")[2] in _WIDTHS:
            values[name] = end(_ends(space.by_name[name]))
    completed = space.complete(values, rng)
    return completed if space.allows(completed, image) else _allowed(space, image, rng)


def _ends(parameter: AnyParameter) -> tuple[Value, Value]:
    values = parameter.values()
    assert values  # widths are whole numbers or choices
    ordered = sorted(values, key=float)
    return ordered[0], ordered[-1]
