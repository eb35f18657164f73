"""A network's figures, for its bundle: what was measured on it and on its siblings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from study.bundle.bundle import Figure
from study.final_test.result import FinalTest
from study.statistics.intervals import next_value_interval, t_interval, wilson, within_range
from study.statistics.results import LEVEL, Interval


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
            over_seeds=within_range(t_interval(known.get(name, ()), level=level), name),
            next_run=within_range(next_value_interval(known.get(name, ()), level=level), name),
        )
        for name, value in metrics.items()
    }


def final_figures(result: FinalTest) -> dict[str, Figure]:
    """Return the figures of the first seed's network on the test part."""
    return {
        name: Figure(
            value=value,
            over_images=result.first.intervals.get(name),
            mean=result.over_seeds[name].mean,
            over_seeds=result.over_seeds[name].interval,
            next_run=within_range(
                next_value_interval(
                    [network.measures[name] for network in result.networks], level=result.level
                ),
                name,
            ),
        )
        for name, value in result.first.measures.items()
    }


def _wilson(share: float, images: int, level: float) -> Interval:
    return wilson(round(share * images), images, level=level)


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
