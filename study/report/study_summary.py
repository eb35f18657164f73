"""What a report shows of a study apart from its trials, read from the storage once."""

from __future__ import annotations

import datetime as dt
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from study.common.redaction import redacted
from study.confirmation.result import Confirmation, read_confirmation
from study.final_test.access_log import Access, read_accesses
from study.final_test.result import FinalTest, read_final_test
from study.results.ranking import Objective, best, valued
from study.settings.study_settings import Plan
from study.storage.costs import read_costs, read_processes
from study.storage.records import TrialRecord
from study.storage.stored_study import StoredStudy
from study.storage.url import DEFAULT_URL


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One row of the cost table: what one process spent on the study.

    Args:
        label: Who it was; host and process number, say.
        started: When it joined the study.
        seconds: Wall-clock seconds until it left.
        trials: Trials it finished.
        epochs: Epochs it trained, repeats after a crash included.
        training_seconds: Seconds of training and validation.
        fixed: Whether this is a cost of the study outside its trials, such as a screen.
    """

    label: str
    started: dt.datetime | None = None
    seconds: float = 0.0
    trials: int = 0
    epochs: float = 0.0
    training_seconds: float = 0.0
    fixed: bool = False


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
        target: Planned number of trials; None if only time or epochs limit the study.
        notices: What a reader must know first, such as a pooled split.
        caution: A warning about values that no training produced; empty for trainings.
        data_notes: Results of the data checks, as text.
        versions: Version by package, and ``code``.
        classes: Names of the classes, in label order.
        hardware: Hardware by kind (``cpu``, ``device``).
        processes: Cost of each process, and fixed costs.
        accesses: The test-set access log, in order.
        confirmation: Stored result of ``confirm``.
        test: Stored result of the last ``test``.
        importance: Share of the value's variation by parameter, from ``importance.py``.
        storage: URL of the storage, without its password.
        resume: The command that continues the study.
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
    classes: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    hardware: Mapping[str, str] = field(default_factory=dict)
    processes: tuple[Process, ...] = ()
    accesses: tuple[Access, ...] = ()
    confirmation: Confirmation | None = None
    test: FinalTest | None = None
    importance: Mapping[str, float] = field(default_factory=dict)
    storage: str = ""
    resume: str = ""

    @property
    def objective(self) -> Objective:
        """The (first) objective."""
        return self.objectives[0]


def summarise_study(stored: StoredStudy, records: Sequence[TrialRecord]) -> StudySummary:
    """Return the summary of a stored study."""
    settings, attributes = stored.settings, stored.study.user_attrs
    plan = settings.plan
    space = stored.problem.space
    environment = stored.environment
    libraries = environment.get("libraries", {})
    caution = stored.problem.estimator.caution
    return StudySummary(
        name=settings.study,
        objectives=tuple(
            Objective(metric=measure.key, direction=direction)
            for measure, direction in zip(settings.measures, settings.directions, strict=True)
        ),
        settings={
            name: value
            for name, value in settings.model_dump(mode="json").items()
            if name not in ("space_text", "plan", "candidates") and value not in (None, [], {})
        },
        parameters=tuple(space.by_name),
        space_name=settings.space_name,
        space_text=settings.space_text,
        trained_for="" if plan is None else f"{plan.kind} {plan.origin}",
        target=settings.trials,
        notices=tuple(filter(None, (_linked(plan), *stored.data.get("warnings", ()), caution))),
        caution=caution,
        data_notes="\n".join(filter(None, _data_notes(stored))),
        classes=tuple(stored.data.get("classes", ())),
        versions={**libraries, "code": environment.get("code", "")},
        hardware={
            key: str(environment[key])
            for key in ("cpu", "machine", "system", "device", "precision")
            if key in environment
        },
        processes=(*_processes(attributes, records), *_fixed_costs(attributes)),
        accesses=tuple(read_accesses(stored.study)),
        confirmation=read_confirmation(attributes),
        test=read_final_test(attributes),
        storage=redacted(stored.url),
        resume=resume_command(settings.study, stored.url),
    )


def resume_command(name: str, url: str) -> str:
    """Return the command that continues a study; a password is left for the reader to add."""
    flag = "" if url == DEFAULT_URL else f" --storage {shlex.quote(redacted(url))}"
    return f"run_study.py resume {shlex.quote(name)}{flag}"


def _linked(plan: Plan | None) -> str:
    """Return which study these trainings belong to; empty for a search."""
    if plan is None:
        return ""
    return (
        f"The trainings of '{plan.kind} {plan.origin}': listed candidates, {plan.repeats} fresh "
        f"seeds each. The results are in the report of '{plan.origin}'."
    )


def _data_notes(stored: StoredStudy) -> tuple[str, ...]:
    return (*stored.data.get("notes", ()), stored.data.get("data_checks", ""))


def _processes(attributes: dict[str, Any], records: Sequence[TrialRecord]) -> tuple[Process, ...]:
    processes = []
    for entry in read_processes(attributes):
        own = [
            r
            for r in records
            if r.worker.get("pid") == entry.pid
            and str(r.worker.get("host", "")).partition("/")[0] == entry.host
        ]
        processes.append(
            Process(
                label=f"{entry.label} ({entry.host}, {entry.pid})",
                started=entry.started,
                seconds=entry.wall_seconds,
                trials=sum(r.state in ("complete", "pruned") for r in own),
                epochs=sum(r.epochs - r.restored for r in own),
                training_seconds=sum(r.seconds for r in own),
            )
        )
    return tuple(processes)


def _fixed_costs(attributes: dict[str, Any]) -> tuple[Process, ...]:
    """Return the costs outside the trials; the wall clocks of the processes include them."""
    return tuple(
        Process(label=cost.what, epochs=cost.epochs, training_seconds=cost.seconds, fixed=True)
        for cost in read_costs(attributes)
    )


def total_cost(records: Sequence[TrialRecord], summary: StudySummary) -> Process:
    """Return the sum of the processes' costs, or of the trials' if no process wrote its cost.

    ``seconds`` is the sum of the wall clocks; ``trials`` counts the trials that trained.
    """
    processes = summary.processes
    if not processes:
        return Process(
            label="All",
            trials=sum(record.epochs > 0 for record in records),
            epochs=sum(record.epochs - record.restored for record in records),
            training_seconds=sum(record.seconds for record in records),
        )
    return Process(
        label="All",
        seconds=sum(process.seconds for process in processes),
        trials=sum(process.trials for process in processes),
        epochs=sum(process.epochs for process in processes),
        training_seconds=sum(process.training_seconds for process in processes),
    )


def chosen(records: Sequence[TrialRecord], summary: StudySummary) -> TrialRecord | None:
    """Return the trial that the study recommends: the confirmed one, else the best."""
    if summary.confirmation is not None and summary.confirmation.candidates:
        number = summary.confirmation.candidates[0].number
        confirmed = next((r for r in records if r.number == number and valued(r)), None)
        if confirmed is not None:
            return confirmed
    return best(records, summary.objectives)
