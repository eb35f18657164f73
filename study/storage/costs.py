"""The costs of a study: of its trials, its processes and the work beside the trials.

Each process writes its own attribute of the study, so that no two processes write the same one.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import optuna
from pydantic import TypeAdapter

from study.settings.budget import Spent
from study.storage.records import TrialRecord

PREFIX = "process:"
COST = "cost:"
"""Prefix of the attributes with costs beside the trials."""

WRITE_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessEntry:
    """One process that worked on a study."""

    host: str
    pid: int
    label: str
    """Its part in the study, such as ``worker 1``."""
    started: dt.datetime
    seen: dt.datetime
    """Time of its last entry. Times are UTC."""

    @property
    def wall_seconds(self) -> float:
        """Seconds from its start to its last entry."""
        return (self.seen - self.started).total_seconds()


_ENTRY = TypeAdapter(ProcessEntry)


class ProcessLog:
    """Records in the storage that the calling process works on a study."""

    def __init__(self, study: optuna.Study, who: Mapping[str, Any]) -> None:
        self._study = study
        self._key = f"{PREFIX}{who['pid']}-{secrets.token_hex(4)}"
        self._who, self._started = who, _now()
        self._written = self._started

    def write(self) -> None:
        """Write the time until which this process has worked."""
        self._written = _now()
        entry = ProcessEntry(
            host=self._who["host"].partition("/")[0],
            pid=self._who["pid"],
            label=self._who["label"],
            started=self._started,
            seen=self._written,
        )
        self._study.set_user_attr(self._key, _ENTRY.dump_python(entry, mode="json"))

    def tick(self) -> None:
        """Write an entry, unless the last one was written a few seconds ago."""
        if (_now() - self._written).total_seconds() >= WRITE_SECONDS:
            self.write()


def read_processes(attributes: Mapping[str, Any]) -> list[ProcessEntry]:
    """Return the processes that worked on a study, in the order of their start."""
    entries = [
        _ENTRY.validate_python(value)
        for key, value in attributes.items()
        if key.startswith(PREFIX)
    ]
    return sorted(entries, key=lambda entry: entry.started)


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedCost:
    """A cost before or beside the trials."""

    what: str
    """Its purpose, such as ``screen by synflow``."""
    epochs: float
    """Passes over the training images."""
    seconds: float


def read_costs(attributes: Mapping[str, Any]) -> list[FixedCost]:
    """Return the costs beside the trials, added up for each purpose."""
    parts = [value for key, value in sorted(attributes.items()) if key.startswith(COST)]
    return [
        FixedCost(
            what=what,
            epochs=sum(part["epochs"] for part in parts if part["what"] == what),
            seconds=sum(part["seconds"] for part in parts if part["what"] == what),
        )
        for what in dict.fromkeys(part["what"] for part in parts)
    ]


def wall_seconds(entries: Sequence[ProcessEntry]) -> float:
    """Return the time in which at least one process worked."""
    total, end = 0.0, None
    for entry in sorted(entries, key=lambda e: e.started):
        start = entry.started if end is None else max(entry.started, end)
        total += max((entry.seen - start).total_seconds(), 0.0)
        end = entry.seen if end is None else max(entry.seen, end)
    return total


def spent(records: Sequence[TrialRecord], finished: int, attributes: Mapping[str, Any]) -> Spent:
    """Return the costs of a study, including lost trials and fixed costs."""
    costs = read_costs(attributes)
    return Spent(
        trials=finished,
        epochs=sum(r.epochs - r.restored for r in records) + sum(c.epochs for c in costs),
        training_seconds=sum(r.seconds for r in records) + sum(c.seconds for c in costs),
        wall_seconds=wall_seconds(read_processes(attributes)),
    )


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
