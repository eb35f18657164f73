"""Read Optuna's trials as ``TrialRecord``s.

Everything is stored in Optuna's own trial: parameters, value, intermediate values, and user
attributes under the names below. Optuna and optuna-dashboard read it without this program.

The *sequence index* is the index of a draw in the study's sequence of candidates. A trial that is
lost to a crash or an interruption is repeated under a new number with the same sequence index. The
last trial of a sequence index is the one that counts.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from optuna import Study
from optuna.trial import FrozenTrial

from study.search_space.candidate import Value, Values
from study.search_strategy.strategy import generator

State = Literal["complete", "pruned", "failed", "running", "waiting"]

DRAW = "draw"
CANDIDATE_ID = "candidate_id"
ARCHITECTURE = "architecture"
PARAMETERS, MACS, CONV_MACS = "parameters", "macs", "conv_macs"
METRICS = "metrics"
CURVE = "curve"
EPOCHS, RESTORED, SECONDS = "epochs", "restored_epochs", "seconds"
DECISION = "pruner"
FACTS = "facts"
REUSED_FROM = "reused_from"
FAILURE = "failure"
REASON = "reason"
WORKER = "worker"
STOPPING = "stopping"

REPEAT = "repeat"
"""Key of a draw's notes: index of the training's seed in a plan."""

LOST_KINDS = frozenset({"killed", "interrupted", "crash"})
"""Failures that are not caused by the candidate. Such a trial is repeated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """How a trial's candidate was drawn. It is enough to draw the candidate again.

    Args:
        attempt: Redraws before this one, for constraints or a duplicate in training.
        seen: Sequence indices of the finished trials that the strategy knew, as ``0-11,13``.
        running: Sequence indices of the running trials, in the same form.
        budget: Number of trials that the study was to have at that time.
        source: ``strategy``, ``enqueued``, ``screened`` or ``unvisited``.
        retry_of: Number of the lost trial that this one repeats.
        continues: Number of the pruned trial that this one continues.
        passed: Last epoch that the pruner decided on in an earlier trial of this sequence index.
        notes: The strategy's own.
    """

    sequence_index: int
    attempt: int = 0
    seen: str = ""
    running: str = ""
    budget: int | None = None
    source: str = "strategy"
    retry_of: int | None = None
    continues: int | None = None
    passed: int = 0
    notes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a trial failed.

    Args:
        kind: ``out of memory``, ``non-finite``, ``data error`` or ``constraint``; for trials that
            are repeated ``crash``, ``killed`` or ``interrupted``.
        copied: Whether it is the failure of the trial whose result a duplicate reuses.
    """

    kind: str
    text: str
    copied: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRecord:
    """One stored trial.

    Args:
        objectives: Empty where there are none. A pruned trial has its last intermediate value.
        params: Active parameters and their values.
        draw: None where the trial was lost before a candidate was drawn.
        architecture: The resolved stack of layers, as JSON.
        macs: Multiply-accumulates for one image.
        metrics: Final metrics, named with their split.
        curve: Metrics after each epoch, with ``train_loss``.
        intermediate: Objective value by epoch.
        epochs: Epochs that the candidate was trained for; 0 for a duplicate.
        restored: Epochs among these that an earlier trial trained.
        seconds: Seconds of training and validation in this trial.
        reused_from: Number of the trial (or ``study/number``) whose result a duplicate reuses.
        reason: Why it was pruned or reused.
        facts: Seeds, precision, device, library and code versions.
        worker: Identity of the process that ran it: ``host``, ``pid``, ``start`` and ``label``.
        stopping: Whether its worker was asked to stop while it ran.
        started: UTC.
        finished: UTC.
    """

    number: int
    state: State
    objectives: tuple[float, ...] = ()
    params: Values = field(default_factory=dict)
    draw: Draw | None = None
    candidate_id: str = ""
    architecture: Mapping[str, Any] = field(default_factory=dict)
    parameters: int | None = None
    macs: int | None = None
    conv_macs: int | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    curve: tuple[Mapping[str, float], ...] = ()
    intermediate: Mapping[int, float] = field(default_factory=dict)
    epochs: float = 0.0
    restored: float = 0.0
    seconds: float = 0.0
    reused_from: int | str | None = None
    failure: Failure | None = None
    reason: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    worker: Mapping[str, Any] = field(default_factory=dict)
    stopping: bool = False
    started: dt.datetime | None = None
    finished: dt.datetime | None = None

    @property
    def value(self) -> float | None:
        """The first objective value."""
        return self.objectives[0] if self.objectives else None

    @property
    def sequence_index(self) -> int | None:
        """Index in the study's sequence of candidates; None where nothing was drawn."""
        return None if self.draw is None else self.draw.sequence_index

    @property
    def training(self) -> tuple[str, int | None]:
        """The candidate's id, and the index of its seed where a plan has several seeds."""
        repeat = None if self.draw is None else self.draw.notes.get(REPEAT)
        return self.candidate_id, repeat

    @property
    def lost(self) -> bool:
        """Whether the trial ended for a reason that its candidate did not cause."""
        failure = self.failure
        lost = failure is None or (failure.kind in LOST_KINDS and not failure.copied)
        return self.state == "failed" and lost


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnCandidate:
    """A candidate to try, before its trial starts.

    Args:
        duplicate: The finished trial of the same candidate, whose result is reused.
        duplicate_study: Name of the study that has ``duplicate``; None for this study.
        seed: Seed of the training where a plan names one; None for the candidate's own seed.
    """

    values: dict[str, Value]
    draw: Draw
    candidate_id: str
    duplicate: TrialRecord | None = None
    duplicate_study: str | None = None
    seed: int | None = None


def training_seed(seed: int, candidate_id: str) -> int:
    """Return the seed of a candidate's training; it follows from the study's seed and the id."""
    return int(generator(seed, "training", candidate_id).integers(2**62))


_AS_STORED = (
    *(CANDIDATE_ID, ARCHITECTURE, PARAMETERS, MACS, CONV_MACS, METRICS, EPOCHS, SECONDS),
    *(REUSED_FROM, REASON, FACTS, WORKER, STOPPING),
)
"""Attributes that are fields of ``TrialRecord`` of the same name and form."""


def read_trial(trial: FrozenTrial) -> TrialRecord:
    """Return the record of a stored trial."""
    attrs = trial.user_attrs
    draw, failure = attrs.get(DRAW), attrs.get(FAILURE)
    state = trial.state.name.lower().replace("fail", "failed")
    return TrialRecord(
        number=trial.number,
        state=state,  # type: ignore[arg-type]
        objectives=tuple(trial.values) if trial.values is not None else (),
        params=dict(trial.params),
        draw=None if draw is None else Draw(**draw),
        curve=tuple(attrs.get(CURVE, ())),
        intermediate=dict(trial.intermediate_values),
        restored=attrs.get(RESTORED, 0.0),
        failure=None if failure is None else Failure(**failure),
        started=trial.datetime_start,
        finished=trial.datetime_complete,
        **{name: attrs[name] for name in _AS_STORED if name in attrs},
    )


def read_trials(trials: Iterable[FrozenTrial]) -> list[TrialRecord]:
    """Return the records of stored trials, in number order."""
    return [read_trial(trial) for trial in trials]


def latest_by_index(records: Iterable[TrialRecord]) -> dict[int, TrialRecord]:
    """Return the trial that counts for each sequence index, in the order of the indices.

    It is the last trial of its index. A lost trial never replaces one that is not lost.
    """
    latest: dict[int, TrialRecord] = {}
    for record in records:
        index = record.sequence_index
        if index is not None and (not record.lost or index not in latest or latest[index].lost):
            latest[index] = record
    return dict(sorted(latest.items()))


def ranked(records: Sequence[TrialRecord], *, maximise: bool = True) -> list[TrialRecord]:
    """Return the complete trials by their first objective, best first, ties by number.

    Duplicates are left out. A result taken from another study counts once.
    """
    done: dict[object, TrialRecord] = {}
    for record in records:
        if record.state == "complete" and not isinstance(record.reused_from, int):
            done.setdefault(record.reused_from or record.number, record)
    sign = -1.0 if maximise else 1.0
    return sorted(done.values(), key=lambda r: (sign * r.objectives[0], r.number))


def ranges(numbers: Iterable[int]) -> str:
    """Return sorted whole numbers in a short form, as ``0-11,13``."""
    parts: list[list[int]] = []
    for number in sorted(numbers):
        if parts and number == parts[-1][1] + 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ",".join(f"{a}-{b}" if b > a else f"{a}" for a, b in parts)


def unranges(text: str) -> list[int]:
    """Return the numbers of a text that ``ranges`` returned."""
    parts = (part.partition("-") for part in text.split(",") if part)
    return [n for low, _, high in parts for n in range(int(low), int(high or low) + 1)]


class TrialReader:
    """Reads the stored trials of a study. It reads a finished trial once."""

    def __init__(self, study: Study) -> None:
        self._study = study
        self._finished: dict[int, TrialRecord] = {}

    def read(self) -> list[TrialRecord]:
        """Return all trials as they are now, in number order."""
        found = []
        for trial in self._study.get_trials(deepcopy=False):
            record = self._finished.get(trial.number)
            if record is None:
                record = read_trial(trial)
                if trial.state.is_finished():
                    self._finished[trial.number] = record
            found.append(record)
        return found
