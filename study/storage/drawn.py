"""A candidate to try, with the seed that trains it."""

from __future__ import annotations

from dataclasses import dataclass

from study.search_space.candidate import Value
from study.search_strategy.strategy import generator
from study.storage.records import Draw, TrialRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A candidate to try.

    Args:
        values: What the trial's parameters are.
        draw: How it came about; stored with the trial.
        candidate_id: Identity of the resolved candidate.
        duplicate: The finished trial of the same candidate, whose result is reused.
        duplicate_study: Name of the study the twin is in, where that is another one.
        seed: Seed of its training where a plan says so; None for the candidate's own.
    """

    values: dict[str, Value]
    draw: Draw
    candidate_id: str
    duplicate: TrialRecord | None = None
    duplicate_study: str | None = None
    seed: int | None = None


def training_seed(seed: int, candidate_id: str) -> int:
    """Return the seed of a candidate's training: of the study's seed and its id alone."""
    return int(generator(seed, "training", candidate_id).integers(2**62))
