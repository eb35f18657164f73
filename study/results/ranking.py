"""Ranks of trials: duplicates left out, the best, the Pareto front."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from study.settings.metrics import Measure
from study.statistics.ranks import front_ranks
from study.storage.records import TrialRecord

_STATE_ORDER = {"complete": 0, "pruned": 1, "running": 2, "waiting": 3, "failed": 4}


class RankedTrial(NamedTuple):
    """A trial and its rank."""

    record: TrialRecord
    rank: int | None
    """From 1, equal within a Pareto front; None for duplicates and trials without a value."""


def valued(record: TrialRecord, objectives: int = 1) -> bool:
    """Return whether a trial ended with a finite number for every objective."""
    return (
        record.state == "complete"
        and len(record.objectives) >= objectives
        and all(math.isfinite(number) for number in record.objectives)
    )


def distinct(records: Sequence[TrialRecord], objectives: int = 1) -> list[TrialRecord]:
    """Return the complete trials without duplicates, in number order.

    A result that was reused from another study stays, if no trial in ``records`` has it too.
    """
    kept: list[TrialRecord] = []
    seen: set[tuple[str, int | None]] = set()
    usable = sorted((r for r in records if valued(r, objectives)), key=lambda r: r.number)
    numbers = {r.number for r in usable}
    for record in usable:
        if record.reused_from not in numbers and record.training not in seen:
            kept.append(record)
            seen.update([record.training] if record.candidate_id else [])
    return kept


def continued(records: Sequence[TrialRecord]) -> set[int]:
    """Return the numbers of the pruned trials that a later trial continued."""
    return {r.draw.continues for r in records if r.draw and r.draw.continues is not None}


def finished(records: Sequence[TrialRecord]) -> int:
    """Return the number of complete and pruned trials; a continued one counts once."""
    later = continued(records)
    return sum(r.state in ("complete", "pruned") and r.number not in later for r in records)


def rank_trials(
    records: Sequence[TrialRecord], objectives: Sequence[Measure]
) -> list[RankedTrial]:
    """Return all trials: complete ones, best first, then pruned, running, waiting, failed ones."""
    fronts = _ranks(distinct(records, len(objectives)), objectives)
    sign = objectives[0].sign

    def key(record: TrialRecord) -> tuple[float, ...]:
        first = record.value
        usable = first is not None and math.isfinite(first)
        return (
            _STATE_ORDER[record.state],
            0.0 if usable else 1.0,
            float(fronts.get(record.number, 0)) if len(objectives) > 1 else 0.0,
            -sign * first if usable and first is not None else 0.0,
            record.number not in fronts,
            record.number,
        )

    return [RankedTrial(record=r, rank=fronts.get(r.number)) for r in sorted(records, key=key)]


def best(records: Sequence[TrialRecord], objectives: Sequence[Measure]) -> TrialRecord | None:
    """Return the best trial by the first objective, the earliest of equals; None without any."""
    sign, candidates = objectives[0].sign, distinct(records, len(objectives))
    return max(candidates, key=lambda r: (sign * r.objectives[0], -r.number), default=None)


def pareto_front(
    records: Sequence[TrialRecord], objectives: Sequence[Measure]
) -> list[TrialRecord]:
    """Return the trials that are not dominated, best by the first objective first."""
    candidates = distinct(records, len(objectives))
    ranks = front_ranks([_gains(record, objectives) for record in candidates])
    front = [record for record, rank in zip(candidates, ranks, strict=True) if rank == 1]
    return sorted(front, key=lambda r: (-_gains(r, objectives)[0], r.number))


def _ranks(records: list[TrialRecord], objectives: Sequence[Measure]) -> dict[int, int]:
    if len(objectives) == 1:
        sign = objectives[0].sign
        ordered = sorted(records, key=lambda r: (-sign * r.objectives[0], r.number))
        return {record.number: rank for rank, record in enumerate(ordered, 1)}
    ranks = front_ranks([_gains(record, objectives) for record in records])
    return {record.number: int(rank) for record, rank in zip(records, ranks, strict=True)}


def _gains(record: TrialRecord, objectives: Sequence[Measure]) -> tuple[float, ...]:
    return tuple(o.sign * n for o, n in zip(objectives, record.objectives, strict=False))
