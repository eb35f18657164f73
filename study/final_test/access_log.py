"""The test-set access log: written first, then the test part is opened.

A test part is a fair measure only if nothing is chosen by it. So every access is written to the
study before an image is read, with the candidate and the version of the code. A second access is
allowed. It gets the next number, and every report states how many accesses there were.
``final_test.open_logged`` is the only way to the test part.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Mapping
from typing import Any, Protocol

from pydantic.dataclasses import dataclass

from study.common.errors import EvaluationError
from study.common.stored_form import from_stored, to_stored
from study.storage.stored_study import TEST_ACCESS

_DIGITS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """One access to the test part.

    Args:
        when: Time, UTC.
        fit_on: Images that the networks were trained on, ``train`` or ``train+val``.
    """

    when: dt.datetime
    candidate_id: str
    code_version: str
    fit_on: str
    seeds: tuple[int, ...]

    def __post_init__(self) -> None:
        if self.when.tzinfo is None:
            raise ValueError(f"an access needs a time with its zone, but got {self.when=}")


class Attributes(Protocol):
    """The part of ``optuna.Study`` that the log needs."""

    @property
    def user_attrs(self) -> Mapping[str, Any]: ...

    def set_user_attr(self, key: str, value: Any) -> None: ...


def read_accesses(study: Attributes) -> list[Access]:
    """Return every access to the test part that a study's log holds, the first one first.

    Each access has its own key, so two processes that write at once both leave their entry.
    Accesses are numbered in the order of writing and not by the clock. Of two that were written at
    once, the earlier comes first.

    Raises:
        EvaluationError: An entry was damaged.
    """
    return [access for _, access in _entries(study)]


def append_access(study: Attributes, access: Access) -> int:
    """Write an access to a study's log, read it back, and return its number, from 1.

    Raises:
        EvaluationError: The storage did not keep it.
    """
    key = f"{TEST_ACCESS}{len(_entries(study)) + 1:0{_DIGITS}}-{secrets.token_hex(8)}"
    study.set_user_attr(key, to_stored(access))
    for number, entry in enumerate(_entries(study), start=1):
        if entry == (key, access):
            return number
    raise EvaluationError(
        "the storage did not keep the entry of the test-set access log, so the test part was not "
        "opened; check that the storage can be written"
    )


def _entries(study: Attributes) -> list[tuple[str, Access]]:
    entries = [
        (key, from_stored(Access, value, where=f"entry '{key}' of the test-set access log"))
        for key, value in study.user_attrs.items()
        if key.startswith(TEST_ACCESS)
    ]
    order = len(TEST_ACCESS) + _DIGITS
    return sorted(entries, key=lambda entry: (entry[0][:order], entry[1].when, entry[0]))
