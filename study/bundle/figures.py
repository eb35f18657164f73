"""A network's figures, for its bundle: what was measured on it and on its siblings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from study.bundle.bundle import Figure
from study.final_test.final_test import FinalTest
from study.results.outcomes import Spread
from study.statistics.intervals import (
    LEVEL,
    Interval,
    next_value_interval,
    reachable,
    t_interval,
    wilson,
)


def validation_figures(
    metrics: Mapping[str, float],
    *,
    images: int,
    siblings: Mapping[str, Sequence[float]] | None = None,
    level: float = LEVEL,
) -> dict[str, Figure]:
    """Return the figures of a network on the validation part.

    Args:
        metrics: Of this network, named with their split.
        images: Validation images, for Wilson's interval of ``val_accuracy``.
        siblings: Values of fresh runs of the same candidate by metric, as from a confirmation.
        level: Confidence of the intervals.
    """
    known = siblings or {}
    return {
        name: Figure(
            value=float(value),
            over_images=_wilson(value, images, level) if name == "val_accuracy" else None,
            mean=_mean(known.get(name, ())),
            over_seeds=reachable(t_interval(known.get(name, ()), level=level), name),
            next_run=reachable(next_value_interval(known.get(name, ()), level=level), name),
        )
        for name, value in metrics.items()
    }


def final_figures(result: FinalTest) -> dict[str, Figure]:
    """Return the figures of the first seed's network on the test part."""
    values = {name: [run[name] for run in result.per_seed] for name in result.per_seed[0]}
    return {
        name: Figure(
            value=runs[0],
            over_images=_interval(result.over_images.get(name), result.level),
            mean=result.over_seeds[name].mean,
            over_seeds=_interval(result.over_seeds[name], result.level),
            next_run=reachable(next_value_interval(runs, level=result.level), name),
        )
        for name, runs in values.items()
    }


def _wilson(share: float, images: int, level: float) -> Interval:
    return wilson(round(share * images), images, level=level)


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _interval(spread: Spread | None, level: float) -> Interval | None:
    if spread is None or spread.low is None or spread.high is None:
        return None
    return Interval(low=spread.low, high=spread.high, level=level)
