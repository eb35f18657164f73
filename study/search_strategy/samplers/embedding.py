"""Points of a search space → vectors whose distances say how unlike two points are.

Each parameter has a block of columns of its own, scaled so that its squared distance lies between
0 and about 1:

choices     one column a choice; two different ones are 1 apart
numbers     one column, 0 to 1 over the range, in the logarithm where the range is wide
conditional one more column: a point where the parameter is inactive is half a range away from
            the middle, as unlike a low number as a high one; two inactive ones are equal

Choices that are all numbers are ordered, so they count as numbers, evenly spaced.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from study.search_space.candidate import Value, Values
from study.search_space.space import AnyParameter, CategoricalParameter, SearchSpace
from study.search_strategy.samplers.discrete import in_logarithm

Array = np.ndarray


class Embedding:
    """Turns points of a space into vectors.

    Args:
        space: The search space.

    Attributes:
        owner: Index of the parameter that each column belongs to, shape (columns,).
        ordered: Whether each parameter is a number, shape (parameters,).
    """

    def __init__(self, space: SearchSpace) -> None:
        self._blocks = [_block(parameter) for parameter in space.parameters]
        widths = [block.width for block in self._blocks]
        self.owner = np.repeat(np.arange(len(widths)), widths)
        self.ordered = np.array([isinstance(block, _Numbers) for block in self._blocks])

    def matrix(self, points: Sequence[Values]) -> Array:
        """Return one row for each point, shape (points, columns)."""
        return np.concatenate([block.columns(points) for block in self._blocks], axis=1)


class _Choices:
    def __init__(self, parameter: CategoricalParameter) -> None:
        self._name = parameter.name
        self._index = {_told_apart(choice): i for i, choice in enumerate(parameter.choices)}
        if parameter.when:
            self._index[_told_apart(None)] = len(self._index)
        self.width = len(self._index)

    def columns(self, points: Sequence[Values]) -> Array:
        """Return shape (points, width): the square root of a half where the choice is made."""
        name, index = self._name, self._index
        chosen = [index[_told_apart(values.get(name))] for values in points]
        return np.asarray(np.eye(self.width)[chosen] * math.sqrt(0.5))


class _Numbers:
    def __init__(self, parameter: AnyParameter) -> None:
        self._name = parameter.name
        self.width = 1 + bool(parameter.when)
        if isinstance(parameter, CategoricalParameter):
            self._log = False
            self._knots = sorted(float(choice) for choice in parameter.choices)
        else:
            low, high = float(parameter.low), float(parameter.high)
            self._log = in_logarithm(parameter)
            self._knots = [math.log(low), math.log(high)] if self._log else [low, high]
        self._places = np.linspace(0.0, 1.0, len(self._knots))

    def columns(self, points: Sequence[Values]) -> Array:
        """Return shape (points, width): place in the range, and whether it is inactive."""
        name = self._name
        numbers = np.array([float(values.get(name, math.nan)) for values in points])
        inactive = np.isnan(numbers)
        numbers = np.log(numbers) if self._log else numbers
        places = np.where(inactive, 0.5, np.interp(numbers, self._knots, self._places))
        if self.width == 1:
            return places[:, None]
        return np.stack([places, inactive * 0.5], axis=1)


def _block(parameter: AnyParameter) -> _Choices | _Numbers:
    if isinstance(parameter, CategoricalParameter) and not _are_numbers(parameter.choices):
        return _Choices(parameter)
    return _Numbers(parameter)


def _are_numbers(choices: Sequence[Value]) -> bool:
    return all(isinstance(c, int | float) and not isinstance(c, bool) for c in choices)


def _told_apart(value: Value | None) -> tuple[bool, Value | None]:
    """Return a key for which ``True`` is not ``1``."""
    return isinstance(value, bool), value
