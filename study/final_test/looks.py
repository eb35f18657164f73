"""The ledger of looks at the test part: written first, opened after.

A test part is a measure only as long as nobody chooses by it. Every look is therefore written to
the study before an image of it is read, with who was tested and by which code; a second look is
allowed, is numbered, and every report says how many there were. ``look_at_test_part`` is the only
way to the test part.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from study.common.errors import EvaluationError
from study.common.stored_form import from_stored, to_stored
from study.data.locked_test import LedgerReceipt, open_test_part
from study.data.parts import POOLED
from study.storage.stored_study import LOOK

if TYPE_CHECKING:
    from torch import Tensor

_DIGITS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One look at the test part.

    Args:
        when: When, UTC.
        candidate_id: Which candidate was tested.
        code_version: By which version of the code.
        fit_on: What its networks had been trained on, ``train`` or ``train+val``.
        seeds: Seeds of its networks.
    """

    when: dt.datetime
    candidate_id: str
    code_version: str
    fit_on: str
    seeds: tuple[int, ...]

    def __post_init__(self) -> None:
        if self.when.tzinfo is None:
            raise ValueError(f"a look needs a time with its zone, but got {self.when=}")


class Ledger(Protocol):
    """Where looks are written; nothing is ever taken out."""

    def looks(self) -> Sequence[Look]:
        """Return every look so far, in the order of their numbers, which count from 1."""

    def append(self, look: Look) -> int:
        """Write a look so that it outlasts this process, and return its number."""


class Attributes(Protocol):
    """The part of ``optuna.Study`` that a ledger needs."""

    @property
    def user_attrs(self) -> Mapping[str, Any]: ...

    def set_user_attr(self, key: str, value: Any) -> None: ...


@dataclass(frozen=True, slots=True)
class StudyLedger:
    """The ledger among a study's user attributes.

    Every look has a key of its own, so that two processes that look at once both leave theirs.
    The looks are numbered in the order they were written, whatever the clock did between them;
    of two that were written at once, the earlier comes first.

    Args:
        study: The study, or a fake with its two attributes' methods.
    """

    study: Attributes

    def looks(self) -> list[Look]:
        """Return every look, the oldest first.

        Raises:
            EvaluationError: An entry was damaged.
        """
        return [look for _, look in self._entries()]

    def append(self, look: Look) -> int:
        """Write a look and read it back.

        Raises:
            EvaluationError: The storage did not keep it.
        """
        key = f"{LOOK}{len(self._entries()) + 1:0{_DIGITS}}-{secrets.token_hex(8)}"
        self.study.set_user_attr(key, to_stored(look))
        for number, (written, entry) in enumerate(self._entries(), start=1):
            if written == key and entry == look:
                return number
        raise EvaluationError(
            "the look at the test part was not kept by the storage, so nothing was opened; see "
            "that the storage can be written"
        )

    def _entries(self) -> list[tuple[str, Look]]:
        entries = [
            (key, from_stored(Look, value, where=f"look at the test part '{key}'"))
            for key, value in self.study.user_attrs.items()
            if key.startswith(LOOK)
        ]
        order = len(LOOK) + _DIGITS
        return sorted(entries, key=lambda entry: (entry[0][:order], entry[1].when, entry[0]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Searched:
    """The study that looks, as far as the lock must know it.

    Args:
        study: Its name.
        dataset: Name of the data set it searched on.
        split: Split it searched on.
    """

    study: str
    dataset: str
    split: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedTestPart:
    """The test part, after its look was written.

    Args:
        look: The entry.
        number: Its number in the study's ledger, from 1.
        images: (n, channels, size, size), uint8.
        labels: (n,), int64.
    """

    look: Look
    number: int
    images: Tensor
    labels: Tensor


def look_at_test_part(
    dataset: str,
    *,
    ledger: Ledger,
    look: Look,
    searched: Searched,
    data_root: Path | None = None,
    size: int = 28,
) -> OpenedTestPart:
    """Write the look to the ledger, then open the test part.

    Args:
        dataset: As for ``load_search_data``.
        ledger: Where the look is written.
        look: Who looks at what, and when; made once the networks are trained.
        searched: The study.
        data_root: As for ``load_search_data``.
        size: As for ``load_search_data``.

    Raises:
        EvaluationError: The study searched on the pooled split, or the ledger kept nothing.
        DataError: The data set is another one than was searched on, missing or damaged.
    """
    if searched.split == POOLED:
        raise EvaluationError(
            f"study '{searched.study}' searched on the pooled split, whose training part holds "
            "official test images, so its candidates cannot be tested on the official test part; "
            "search with --split official"
        )
    number = ledger.append(look)
    receipt = LedgerReceipt(
        study=searched.study,
        look=number,
        candidate_id=look.candidate_id,
        dataset=searched.dataset,
        split=searched.split,
    )
    images, labels = open_test_part(dataset, receipt=receipt, data_root=data_root, size=size)
    return OpenedTestPart(look=look, number=number, images=images, labels=labels)
