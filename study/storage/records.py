"""What a trial stores, and the same read back: Optuna's trial ↔ ``TrialRecord``.

Everything lies in Optuna's own trial: parameters, value, intermediate values and user attributes
under the names below, so that Optuna and optuna-dashboard read it as it is.

A *place* is the index of a draw in the study's one sequence of candidates. A trial lost to a crash
or an interruption is repeated at its place under a new number; the last trial of a place is the
one that counts.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from study.search_space.candidate import Value, Values
from study.search_strategy.strategy import generator

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

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
"""Failures that say nothing about the candidate; such a trial is run again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """How a trial's candidate was drawn; enough to draw it again.

    Args:
        sequence_index: Index in the study's sequence of candidates, from 0.
        attempt: Redraws before this one, for constraints or a twin in training.
        seen: Places of the finished trials that the strategy knew, as ``0-11,13``.
        running: Places of the trials that were being trained.
        budget: Trials the study should have at that time.
        source: ``strategy``, ``enqueued``, ``screened`` or ``unvisited``.
        retry_of: Number of the lost trial that this one repeats.
        continues: Number of the pruned trial that this one goes on with.
        passed: Steps up to this one were judged by the pruner in an earlier trial at this place.
        notes: What the strategy wrote down.
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
        kind: ``out of memory``, ``non-finite``, ``data error``, ``constraint``, or, for trials
            that are run again, ``crash``, ``killed``, ``interrupted``.
        text: What happened.
        copied: Whether it is the failure of the trial whose result a twin reuses.
    """

    kind: str
    text: str
    copied: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRecord:
    """One stored trial.

    Args:
        number: Optuna's trial number.
        state: Optuna's state, in lower case (``failed`` for FAIL).
        objectives: The objective value(s); empty where there is none. A pruned trial has its
            last intermediate value.
        params: Active parameters and their values.
        draw: How the candidate was drawn; None where the trial was lost before it was.
        candidate_id: Identity of the resolved candidate; empty where it was not drawn.
        architecture: The resolved stack of layers, as JSON.
        parameters: Trainable numbers of the network.
        macs: Multiply-accumulates for one image.
        metrics: Final measures, named with their split.
        curve: Measures after each epoch, in order; with ``train_loss``.
        intermediate: Objective value by epoch.
        epochs: Epochs the candidate was trained for; 0 for a twin.
        restored: How many of these a lost trial before this one had trained.
        seconds: Seconds of training and validation in this trial.
        reused_from: Number of the trial (or ``study/number``) whose result this twin reuses.
        failure: Why it failed.
        reason: Why it was pruned or reused, in words.
        facts: Seeds, precision, device, library and code versions.
        worker: Who ran it: ``host``, ``pid``, ``start`` and a ``label``.
        stopping: Whether its worker was asked to stop while it ran.
        started: When it was created, UTC.
        finished: When it ended, UTC.
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
        """The (first) objective value, or None."""
        return self.objectives[0] if self.objectives else None

    @property
    def sequence_index(self) -> int | None:
        """Index in the sequence of candidates, or None where nothing was drawn."""
        return None if self.draw is None else self.draw.sequence_index

    @property
    def training(self) -> tuple[str, int | None]:
        """What was trained: the candidate, and the index of its seed where a plan has several."""
        repeat = None if self.draw is None else self.draw.notes.get(REPEAT)
        return self.candidate_id, repeat

    @property
    def lost(self) -> bool:
        """Whether the trial ended without saying anything about its candidate."""
        if self.state != "failed":
            return False
        failure = self.failure
        return failure is None or (failure.kind in LOST_KINDS and not failure.copied)


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnCandidate:
    """A candidate to try, before its trial starts.

    Args:
        values: Values of the trial's parameters.
        draw: How the candidate was drawn. It is stored with the trial.
        candidate_id: Identity of the resolved candidate.
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


def read_trial(trial: FrozenTrial) -> TrialRecord:
    """Return the record of a stored trial."""
    attrs = trial.user_attrs
    draw = attrs.get(DRAW)
    failure = attrs.get(FAILURE)
    state = trial.state.name.lower().replace("fail", "failed")
    return TrialRecord(
        number=trial.number,
        state=state,  # type: ignore[arg-type]
        objectives=tuple(trial.values) if trial.values is not None else (),
        params=dict(trial.params),
        draw=None if draw is None else Draw(**draw),
        candidate_id=attrs.get(CANDIDATE_ID, ""),
        architecture=attrs.get(ARCHITECTURE, {}),
        parameters=attrs.get(PARAMETERS),
        macs=attrs.get(MACS),
        conv_macs=attrs.get(CONV_MACS),
        metrics=attrs.get(METRICS, {}),
        curve=tuple(attrs.get(CURVE, ())),
        intermediate=dict(trial.intermediate_values),
        epochs=attrs.get(EPOCHS, 0.0),
        restored=attrs.get(RESTORED, 0.0),
        seconds=attrs.get(SECONDS, 0.0),
        reused_from=attrs.get(REUSED_FROM),
        failure=None if failure is None else Failure(**failure),
        reason=attrs.get(REASON),
        facts=attrs.get(FACTS, {}),
        worker=attrs.get(WORKER, {}),
        stopping=attrs.get(STOPPING, False),
        started=trial.datetime_start,
        finished=trial.datetime_complete,
    )


def read_trials(trials: Iterable[FrozenTrial]) -> list[TrialRecord]:
    """Return the records of stored trials, in number order."""
    return [read_trial(trial) for trial in trials]


def latest_by_index(records: Iterable[TrialRecord]) -> dict[int, TrialRecord]:
    """Return the trial that counts at each place, in place order.

    That is its last one; but a lost one never takes the place of one that is not.
    """
    latest: dict[int, TrialRecord] = {}
    for record in records:
        sequence_index = record.sequence_index
        if sequence_index is None:
            continue
        if not record.lost or sequence_index not in latest or latest[sequence_index].lost:
            latest[sequence_index] = record
    return dict(sorted(latest.items()))


def ranked(records: Sequence[TrialRecord], *, maximise: bool = True) -> list[TrialRecord]:
    """Return complete trials of one objective, best first; ties by number; twins left out.

    A result that was taken from another study counts once, as its candidate's only one.
    """
    done: dict[object, TrialRecord] = {}
    for record in records:
        if record.state == "complete" and not isinstance(record.reused_from, int):
            done.setdefault(record.reused_from or record.number, record)
    sign = -1.0 if maximise else 1.0
    return sorted(done.values(), key=lambda r: (sign * r.objectives[0], r.number))


def ranges(numbers: Iterable[int]) -> str:
    """Return sorted whole numbers in short: ``0-11,13``."""
    parts: list[list[int]] = []
    for number in sorted(numbers):
        if parts and number == parts[-1][1] + 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ",".join(f"{a}-{b}" if b > a else f"{a}" for a, b in parts)


def unranges(text: str) -> list[int]:
    """Return the numbers that ``ranges`` wrote."""
    numbers: list[int] = []
    for part in filter(None, text.split(",")):
        low, _, high = part.partition("-")
        numbers.extend(range(int(low), int(high or low) + 1))
    return numbers


class TrialReader:
    """Reads the stored trials of a study; a finished trial is read once."""

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
