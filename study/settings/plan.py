"""Runs fixed in advance: which candidates a linked study trains again, and with which seeds.

``confirm`` and ``test`` train candidates that another study found. Such trainings are a study of
their own, run, parked, resumed and shared out among workers like any other; only its candidates
are not drawn but listed, and one candidate is trained with several seeds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from study.search_space.candidate import Values
from study.search_strategy.strategy import generator

PLAN = "plan"
"""Key of a study's ``purpose`` under which its plan lies."""

FitOn = Literal["train", "train+val"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedCandidate:
    """A candidate to train again.

    Args:
        candidate_id: Its identity when trained in full.
        number: The trial of the origin that found it.
        params: Its active parameters.
        search_value: What the origin saw; None where that was no full training.
    """

    candidate_id: str
    number: int
    params: Values
    search_value: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One training of a plan.

    Args:
        candidate: What is trained.
        repeat: Index of its seed, from 0; all candidates share the seeds.
    """

    candidate: PlannedCandidate
    repeat: int

    @property
    def key(self) -> tuple[str, int]:
        """What tells runs apart."""
        return self.candidate.candidate_id, self.repeat


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a linked study trains.

    Args:
        kind: The command that made it.
        origin: Name of the study that found the candidates.
        candidates: What is trained, best first.
        repeats: Seeds for each candidate.
        fit_on: The images it is trained on.
    """

    kind: Literal["confirm", "test"]
    origin: str
    candidates: tuple[PlannedCandidate, ...]
    repeats: int
    fit_on: FitOn = "train"

    def runs(self) -> list[Run]:
        """Return every training, the first seed of all candidates first."""
        return [
            Run(candidate=candidate, repeat=repeat)
            for repeat in range(self.repeats)
            for candidate in self.candidates
        ]

    def seed(self, study_seed: int, repeat: int) -> int:
        """Return a training seed: fresh, as the command's name goes into it.

        It is the same for all candidates, so that they see the images in one order and are
        compared in pairs.
        """
        return int(generator(study_seed, self.kind, repeat).integers(2**62))


def as_purpose(plan: Plan) -> dict[str, Any]:
    """Return the plan as a study's ``purpose``."""
    return {PLAN: {**asdict(plan), "candidates": [asdict(c) for c in plan.candidates]}}


def plan_of(purpose: Mapping[str, Any]) -> Plan | None:
    """Return the plan in a study's ``purpose``; None for a study that draws its candidates."""
    if PLAN not in purpose:
        return None
    from pydantic import TypeAdapter  # heavy

    return TypeAdapter(Plan).validate_python(purpose[PLAN])
