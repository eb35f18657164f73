"""The result of ``confirm``, as it is computed, stored and reported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic.dataclasses import dataclass

from study.common.stored_form import from_stored
from study.statistics.results import LEVEL, OVER_SEEDS, PairedTest, Spread
from study.storage.stored_study import CONFIRMATION


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmedCandidate:
    """One candidate, trained again with fresh seeds.

    Args:
        number: The search's trial that found it.
        search_value: Value that the search measured; None if the search did not train in full.
        fresh_values: Value of each fresh run, in the order of the seeds.
        fresh: Mean and t-interval of the fresh runs alone.
        choosing_mean: Mean of all runs, the search's included. It decides the order.
    """

    candidate_id: str
    number: int
    search_value: float | None
    seeds: tuple[int, ...]
    fresh_values: tuple[float, ...]
    fresh: Spread
    choosing_mean: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """Result of ``confirm``.

    Args:
        candidates: Best first, by ``choosing_mean``; at least one.
        optimism: The search's value of the best candidate minus its fresh mean, with the sign
            turned for a loss; None without a search value.
        tests: First against second, over common seeds and over images. A positive difference
            means that the first is better, for losses too.
        distinguishable: Whether every test finds that the first is better. The test over seeds
            must be among them: images show nothing about other trainings.
        seeds_needed: Common seeds that would distinguish the two, if difference and spread stay as
            measured. None if another test than that over seeds fails, or no number is enough.
        study: Name of the linked study that holds the trainings.
        left_out: Why a candidate is missing, one line each.
    """

    metric: str
    maximise: bool = True
    candidates: tuple[ConfirmedCandidate, ...]
    optimism: float | None
    tests: tuple[PairedTest, ...] = ()
    distinguishable: bool = False
    seeds_needed: int | None = None
    level: float = LEVEL
    study: str = ""
    left_out: tuple[str, ...] = ()

    @property
    def chosen(self) -> ConfirmedCandidate:
        """The candidate with the best mean of all runs."""
        return self.candidates[0]

    @property
    def deciding_test(self) -> PairedTest | None:
        """The test with the weakest evidence for the first candidate; None without a test."""
        return max(self.tests, key=lambda test: (test.difference <= 0, test.p_value), default=None)

    @property
    def seeds_test(self) -> PairedTest | None:
        """The test over seeds; None if there are fewer than two common seeds."""
        return next((test for test in self.tests if test.method == OVER_SEEDS), None)


def read_confirmation(attributes: Mapping[str, Any]) -> Confirmation | None:
    """Return the result of ``confirm`` from a study's user attributes; None without one.

    Raises:
        EvaluationError: The stored result cannot be read.
    """
    stored = attributes.get(CONFIRMATION)
    if stored is None:
        return None
    where = "the stored result of 'confirm'"
    return from_stored(Confirmation, stored, where=where, remedy="run 'confirm' again")
