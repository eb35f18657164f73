"""The points of a scrambled Sobol' sequence (Owen 1998) in a search space."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from scipy.stats import qmc

from study.search_space.candidate import Value, ValuesKey, values_key
from study.search_space.parameter import AnyParameter, CategoricalParameter, IntParameter
from study.search_space.space import SearchSpace
from study.search_strategy.sampler import StrategyContext
from study.search_strategy.strategy import generator

PATIENCE = 10_000
"""The sequence ends after this many repeated or forbidden points in a row."""


def sobol_points(context: StrategyContext) -> Iterator[dict[str, Value]]:
    """Yield the different allowed points of a scrambled Sobol' sequence."""
    seed = generator(context.seed, "sobol")
    engine = qmc.Sobol(len(context.space.parameters), scramble=True, seed=seed)
    seen: set[ValuesKey] = set()
    wasted = 0
    for exponent in [4, *range(4, 30)]:  # the sequence is balanced over powers of two
        for row in engine.random_base2(exponent):
            values = _point(context.space, row)
            key = values_key(values)
            if key not in seen and context.allows(values):
                wasted = 0
                yield values
            elif (wasted := wasted + 1) > PATIENCE:
                return
            seen.add(key)


def _point(space: SearchSpace, row: np.ndarray) -> dict[str, Value]:
    """Return the point at a position in the unit cube; inactive coordinates are not used."""
    values: dict[str, Value] = {}
    for parameter, share in zip(space.parameters, row, strict=True):
        if space.is_active(parameter, values):
            values[parameter.name] = _value_at(parameter, float(share))
    return values


def _value_at(parameter: AnyParameter, share: float) -> Value:
    """Return the value below which ``share`` of the parameter's distribution lies."""
    if isinstance(parameter, CategoricalParameter):
        return parameter.choices[int(share * len(parameter.choices))]
    if parameter.log:
        half = 0.5 if isinstance(parameter, IntParameter) else 0.0
        low, high = math.log(parameter.low - half), math.log(parameter.high + half)
        value = min(max(math.exp(low + share * (high - low)), parameter.low), parameter.high)
        return round(value) if isinstance(parameter, IntParameter) else value
    values = parameter.values()
    if values is None:
        return parameter.low + share * (parameter.high - parameter.low)
    return values[int(share * len(values))]
