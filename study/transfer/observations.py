"""A stored trial → what a search strategy sees of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from study.search_strategy.strategy import Observation
from study.settings.metrics import Measure
from study.storage.records import TrialRecord


def observe(record: TrialRecord, measures: Sequence[Measure], *, number: int) -> Observation:
    """Return a finished trial as a strategy sees it: larger scores are better.

    Args:
        record: The trial.
        measures: What is optimised.
        number: What the strategy calls it.
    """
    signs = [1.0 if measure.maximise else -1.0 for measure in measures]
    outcome = record.state if record.state in ("complete", "pruned") else "failed"
    return Observation(
        number=number,
        values=record.params,
        outcome=outcome,
        scores=tuple(s * v for s, v in zip(signs, record.objectives, strict=False)),
        step=max(record.intermediate, default=None),
        candidate_id=record.candidate_id,
        notes=record.draw.notes if record.draw else {},
    )


def below_zero(observations: Sequence[Observation]) -> tuple[Observation, ...]:
    """Return prior knowledge numbered -n … -1, in order."""
    first = -len(observations)
    return tuple(replace(o, number=first + index) for index, o in enumerate(observations))
