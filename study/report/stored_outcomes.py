"""What ``confirm`` and ``test`` stored, read back with all that a report shows of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from study.common.errors import StorageError
from study.results.outcomes import ClassResult, Confirmation, FinalTest, Spread


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """An interval.

    Args:
        low: Lower end, included.
        high: Upper end.
    """

    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedResult:
    """One test of the first candidate against the second.

    Args:
        method: What was tested.
        pairs: Seeds, or images, that both have.
        difference: First minus second; positive is for the first.
        p_value: Two-sided.
        interval: Of the difference.
    """

    method: str
    pairs: int
    difference: float
    p_value: float
    interval: Range | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownConfirmation(Confirmation):
    """A confirmation with all that is stored of it.

    Args:
        tests: First against second, over seeds and over images.
        seeds_needed: Common seeds that would tell them apart; None where they are, or none would.
        left_out: Why a candidate is missing, one line each.
    """

    tests: tuple[PairedResult, ...] = ()
    seeds_needed: int | None = None
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownClass(ClassResult):
    """One class on the test part, with Wilson's intervals."""

    recall_interval: Range | None = None
    precision_interval: Range | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownNetwork:
    """One network on the test part.

    Args:
        seed: It was trained with.
        measures: By name.
        wilson: Of its accuracy, over images.
    """

    seed: int
    measures: Mapping[str, float]
    wilson: Range | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownTest(FinalTest):
    """A final test with all that is stored of it.

    Args:
        dataset: Name of the data set.
        networks: Each network, in the order of ``per_seed``.
        mean_over_images: Interval over images of the mean over seeds, by measure.
        validated: Which networks the validation figures of the chain come from.
    """

    classes: tuple[ShownClass, ...] = ()
    dataset: str = ""
    networks: tuple[ShownNetwork, ...] = ()
    mean_over_images: Mapping[str, Spread] = field(default_factory=dict)
    validated: str = ""


Outcome = TypeVar("Outcome", ShownConfirmation, ShownTest)


def read_confirmation(stored: Mapping[str, Any] | None) -> ShownConfirmation | None:
    """Return the stored result of ``confirm``; None where there is none.

    Raises:
        StorageError: It is not of the form that ``confirm`` stores.
    """
    return None if stored is None else _read(ShownConfirmation, stored, command="confirm")


def read_final_test(stored: Mapping[str, Any] | None) -> ShownTest | None:
    """Return the stored result of ``test``; None where there is none.

    Raises:
        StorageError: It is not of the form that ``test`` stores.
    """
    return None if stored is None else _read(ShownTest, stored, command="test")


def _read(kind: type[Outcome], stored: Mapping[str, Any], *, command: str) -> Outcome:
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(kind).validate_python(stored)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        message = f"the stored result of '{command}' cannot be read: {where}: {first['msg']}"
        raise StorageError(f"{message}; run '{command}' again") from error
