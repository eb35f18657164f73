"""Strategies that walk through points fixed beforehand: grid and quasi-random search.

The next point is the first one in order that was neither tried nor is being tried. That takes no
counter: it follows from the history, so a restart goes on where the study stood, and the answer
does not depend on which worker asks.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np

from study.search_space.candidate import Value, Values, ValuesKey, values_key
from study.search_space.space import (
    AnyParameter,
    CategoricalParameter,
    IntParameter,
    SearchSpace,
    grid_values,
)
from study.search_strategy.sampler_spec import Chosen, Identity, StrategyContext
from study.search_strategy.samplers.incremental_state import IncrementalState
from study.search_strategy.strategy import (
    Exhausted,
    History,
    Observation,
    Proposal,
    SequenceEnded,
    generator,
)

GRID_LIMIT = 100_000
PATIENCE = 10_000
"""A quasi-random sequence ends when so many of its points in a row were repeats or forbidden."""


class FixedSequence:
    """Proposes the points of a sequence, each once.

    A twin of a candidate that is being trained is put off while anything else is left.

    Args:
        points: The points, in order; read as far as needed.
        identity: Names the candidate of a point, where twins may occur.
        whole: What its points are all together, where a study ends with them: ``the grid``.
    """

    def __init__(
        self, points: Iterable[dict[str, Value]], identity: Identity | None, *, whole: str = ""
    ) -> None:
        self._source, self._whole = iter(points), whole
        self._points: list[tuple[ValuesKey, dict[str, Value]]] = []
        self._identity = identity
        self._tried: IncrementalState[set[ValuesKey]] = IncrementalState(
            start=set, step=_add_key, copy=set
        )

    def propose(self, history: History, rng: np.random.Generator) -> Proposal:
        """Return the first point that is new.

        Raises:
            Exhausted: Every point was tried or is being tried, and the study ends with them.
            SequenceEnded: So it is, and it does not.
        """
        tried = self._tried.over(history.observations)
        running = {values_key(values) for values in history.running}
        fresh = (v for key, v in self._walk() if key not in tried and key not in running)
        first = next(fresh, None)
        if first is None:
            raise self._end()
        if self._identity is None or not history.running:
            return Proposal(values=dict(first))
        return Proposal(values=dict(self._without_twins(first, fresh, history.running)))

    def _end(self) -> Exhausted:
        if not self._whole:
            return SequenceEnded()
        return Exhausted(f"all {len(self._points):,} points of {self._whole} are done")

    def _without_twins(
        self, first: Values, others: Iterator[dict[str, Value]], running: Iterable[Values]
    ) -> Values:
        identity = self._identity
        if identity is None:
            return first
        busy = {identity(values) for values in running}
        if identity(first) not in busy:
            return first
        return next((values for values in others if identity(values) not in busy), first)

    def _walk(self) -> Iterator[tuple[ValuesKey, dict[str, Value]]]:
        yield from self._points
        for values in self._source:
            self._points.append((values_key(values), values))
            yield self._points[-1]


def _add_key(tried: set[ValuesKey], observation: Observation) -> None:
    if observation.holds_here:  # what was tried elsewhere only is still to be tried
        tried.add(values_key(observation.values))


def grid(context: StrategyContext, _: Chosen) -> FixedSequence:
    """Return the strategy that visits every allowed point of the grid, in shuffled order."""
    return FixedSequence(_shuffled(context), context.naming(), whole="the grid")


def _shuffled(context: StrategyContext) -> Iterator[dict[str, Value]]:
    points = list(context.space.points())
    for index in generator(context.seed, "grid").permutation(len(points)):
        if context.allows(points[index]):
            yield points[index]


def refuse_grid(context: StrategyContext) -> str | None:
    """Return why the space has no grid, or None."""
    for parameter in context.space.parameters:
        if grid_values(parameter) is None:
            return (
                f"grid: {parameter.name} has no countable values; give it 'step' or "
                "'grid_points' in the search space, or take another sampler"
            )
    size = context.space.size() or 0
    if size > GRID_LIMIT:
        return (
            f"grid: {context.space.name} has {size:,} points, more than {GRID_LIMIT:,};"
            " coarsen it with 'step' or 'grid_points', or take another sampler"
        )
    return None


def quasi_random(context: StrategyContext, _: Chosen) -> FixedSequence:
    """Return the strategy that follows a scrambled Sobol' sequence (Owen 1998).

    Optuna's ``QMCSampler`` draws from the same sequence, but counts the drawn points in the
    storage and leaves conditional parameters out of it.
    """
    return FixedSequence(_sobol(context), context.naming())


def _sobol(context: StrategyContext) -> Iterator[dict[str, Value]]:
    from scipy.stats import qmc

    seed = generator(context.seed, "sobol")
    engine = qmc.Sobol(len(context.space.parameters), scramble=True, seed=seed)
    seen: set[ValuesKey] = set()
    wasted = 0
    for exponent in [4, *range(4, 30)]:  # the sequence is balanced over powers of two
        for row in engine.random_base2(exponent):
            values = _place(context.space, row)
            key = values_key(values)
            if key not in seen and context.allows(values):
                wasted = 0
                yield values
            elif (wasted := wasted + 1) > PATIENCE:
                return
            seen.add(key)


def _place(space: SearchSpace, row: np.ndarray) -> dict[str, Value]:
    """Return the point at a place of the unit cube; inactive parameters' places are not used."""
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
