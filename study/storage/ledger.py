"""What a study has spent: from its trials, and from what its processes wrote down.

Each process writes an entry of its own among the study's attributes, so that no two writers meet.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from study.settings.budget import Spent
from study.storage.records import TrialRecord

if TYPE_CHECKING:
    import optuna

PREFIX = "process:"
COST = "cost:"
"""Prefix of the attributes that hold what was spent beside the trials."""

WRITE_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessEntry:
    """One process that worked on a study.

    Args:
        host: Where it ran.
        pid: Its number there.
        label: What it was, as ``worker 1``.
        started: When it began, UTC.
        seen: When it last wrote, UTC.
    """

    host: str
    pid: int
    label: str
    started: dt.datetime
    seen: dt.datetime

    @property
    def wall_seconds(self) -> float:
        """Seconds from its start to its last sign of life."""
        return (self.seen - self.started).total_seconds()


class LedgerEntry:
    """The calling process's entry in a study's ledger.

    Args:
        study: The study.
        who: Identity of the process.
    """

    def __init__(self, study: optuna.Study, who: Mapping[str, Any]) -> None:
        self._study = study
        self._key = f"{PREFIX}{who['pid']}-{secrets.token_hex(4)}"
        self._who, self._started = who, _now()
        self._written = self._started

    def write(self) -> None:
        """Write that this process is at work."""
        self._written = _now()
        self._study.set_user_attr(
            self._key,
            {
                "host": self._who["host"].partition("/")[0],
                "pid": self._who["pid"],
                "label": self._who["label"],
                "started": self._started.isoformat(timespec="milliseconds"),
                "seen": self._written.isoformat(timespec="milliseconds"),
            },
        )

    def tick(self) -> None:
        """Write, unless that was done a moment ago."""
        if (_now() - self._written).total_seconds() >= WRITE_SECONDS:
            self.write()


def read_entries(attributes: Mapping[str, Any]) -> list[ProcessEntry]:
    """Return the processes that worked on a study, in the order they started."""
    entries = [
        ProcessEntry(
            host=value["host"],
            pid=value["pid"],
            label=value["label"],
            started=dt.datetime.fromisoformat(value["started"]),
            seen=dt.datetime.fromisoformat(value["seen"]),
        )
        for key, value in attributes.items()
        if key.startswith(PREFIX)
    ]
    return sorted(entries, key=lambda entry: entry.started)


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedCost:
    """What a study spent before or beside its trials.

    Args:
        what: On what, as ``screen by synflow``.
        epochs: Passes over the training images.
        seconds: Time it took.
    """

    what: str
    epochs: float
    seconds: float


def read_costs(attributes: Mapping[str, Any]) -> list[FixedCost]:
    """Return what a study spent beside its trials, a line for each purpose."""
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
    """Return for how long at least one process was at work: the union of their spans."""
    total, end = 0.0, None
    for entry in sorted(entries, key=lambda e: e.started):
        start = entry.started if end is None else max(entry.started, end)
        total += max((entry.seen - start).total_seconds(), 0.0)
        end = entry.seen if end is None else max(entry.seen, end)
    return total


def spent(
    records: Sequence[TrialRecord],
    finished: int,
    entries: Sequence[ProcessEntry],
    costs: Sequence[FixedCost] = (),
) -> Spent:
    """Return what the study has used up, lost trials and fixed costs included."""
    return Spent(
        trials=finished,
        epochs=sum(r.epochs - r.restored for r in records) + sum(c.epochs for c in costs),
        training_seconds=sum(r.seconds for r in records) + sum(c.seconds for c in costs),
        wall_seconds=wall_seconds(entries),
    )


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
