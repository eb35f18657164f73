"""What a report says about a study beyond its trials; filled from the storage, pure here."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from study.report.stored_outcomes import ShownConfirmation, ShownTest

Direction = Literal["maximize", "minimize"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """What a study optimises.

    Args:
        metric: Measure with its split, ``val_accuracy``; or ``parameters``, ``macs``.
        direction: As Optuna writes it.
    """

    metric: str
    direction: Direction = "maximize"

    @property
    def sign(self) -> float:
        """Factor that makes larger better."""
        return 1.0 if self.direction == "maximize" else -1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One line of the cost ledger: what one process spent on the study.

    Args:
        label: Who it was; host and process number, say.
        started: When it joined the study.
        seconds: Wall-clock seconds until it left.
        trials: Trials it finished.
        epochs: Epochs it trained, repeats after a crash included.
        training_seconds: Seconds of training and validation.
        fixed: Whether it is no process but what the study spent beside its trials, as on a screen.
    """

    label: str
    started: dt.datetime | None = None
    seconds: float = 0.0
    trials: int = 0
    epochs: float = 0.0
    training_seconds: float = 0.0
    fixed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One opening of the test part.

    Args:
        when: When, UTC.
        candidate_id: Which candidate was tested.
        code_version: With which version of the code.
        fit_on: What it had been trained on.
    """

    when: dt.datetime | None
    candidate_id: str
    code_version: str = ""
    fit_on: str = "train"


@dataclass(frozen=True, slots=True, kw_only=True)
class StudySummary:
    """A study, without its trials.

    Args:
        name: The study's name.
        objectives: What it optimises; one, or more for a Pareto front.
        settings: Every setting stored with the study, in reading order.
        parameters: Names of the space's parameters, in the space's order.
        space_name: Name of the search space.
        space_text: The space as YAML.
        trained_for: The command whose trainings these are, as ``confirm s``; empty for a search.
        target: Trials the study shall have; None where only time or epochs limit it.
        notices: What a reader must know first, as that the split was pooled.
        caution: What to know before a value is believed; empty where it is of a training.
        data_notes: The data checks' block of text.
        versions: Version by package, and ``code``.
        hardware: What it ran on, by kind (``cpu``, ``threads``, ``memory``).
        processes: The cost ledger.
        looks: The test ledger, in order.
        confirmation: Stored result of ``confirm``.
        test: Stored result of the last ``test``.
        importance: Share of the value's variation by parameter; see ``report.importance``.
        storage: Where the study lies. Passwords are removed wherever it is shown.
        resume: The command that goes on with the study.
        created: When the study was created, UTC.
    """

    name: str
    objectives: tuple[Objective, ...] = (Objective(metric="val_accuracy"),)
    settings: Mapping[str, Any] = field(default_factory=dict)
    parameters: tuple[str, ...] = ()
    space_name: str = ""
    space_text: str = ""
    trained_for: str = ""
    target: int | None = None
    notices: tuple[str, ...] = ()
    caution: str = ""
    data_notes: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    hardware: Mapping[str, str] = field(default_factory=dict)
    processes: tuple[Process, ...] = ()
    looks: tuple[Look, ...] = ()
    confirmation: ShownConfirmation | None = None
    test: ShownTest | None = None
    importance: Mapping[str, float] = field(default_factory=dict)
    storage: str = ""
    resume: str = ""
    created: dt.datetime | None = None

    @property
    def objective(self) -> Objective:
        """The (first) objective."""
        return self.objectives[0]
