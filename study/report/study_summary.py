"""What a report shows of a study apart from its trials, read from the storage once."""

from __future__ import annotations

import datetime as dt
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from study.common.formats import describe_metric
from study.common.redaction import redacted
from study.confirmation.result import Confirmation, read_confirmation
from study.final_test.access_log import Access, read_accesses
from study.final_test.result import FinalTest, read_final_test
from study.results.ranking import best, valued
from study.settings.metrics import MEASURES, Measure
from study.settings.study_settings import StudySettings
from study.storage.costs import read_costs, read_processes
from study.storage.records import TrialRecord
from study.storage.stored_study import StoredStudy
from study.storage.url import DEFAULT_URL


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One row of the cost table: what one process spent on the study.

    Args:
        label: Host and process number, or the name of a fixed cost.
        started: When it joined the study.
        seconds: Wall-clock seconds until it left.
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
        objectives: One, or more for a Pareto front.
        settings: Every setting stored with the study, in reading order.
        parameters: Names of the space's parameters, in the space's order.
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
        test: Stored result of the last ``test``.
        importance: Share of the value's variation by parameter, from ``importance.py``.
        storage: URL of the storage, without its password.
        resume: The command that continues the study.
    """

    name: str
    objectives: tuple[Measure, ...] = (MEASURES["accuracy"],)
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
    def objective(self) -> Measure:
        """The first objective."""
        return self.objectives[0]

    @property
    def goal(self) -> str:
        """What the study optimises and where: ``maximize … over the search space seed``."""
        goals = (f"{o.direction} {describe_metric(o.metric)}" for o in self.objectives)
        space = f" over the search space {self.space_name}" if self.space_name else ""
        return " and ".join(goals) + space


def summarise_study(stored: StoredStudy, records: Sequence[TrialRecord]) -> StudySummary:
    """Return the summary of a stored study."""
    settings, attributes = stored.settings, stored.study.user_attrs
    plan, data, environment = settings.plan, stored.data, stored.environment
    caution = stored.problem.estimator.caution
    storage = redacted(stored.url)  # a password is left for the reader to add
    flag = "" if stored.url == DEFAULT_URL else f" --storage {shlex.quote(storage)}"
    linked = (
        ""
        if plan is None
        else f"The trainings of '{plan.kind} {plan.origin}': listed candidates, {plan.repeats} "
        f"fresh seeds each. The results are in the report of '{plan.origin}'."
    )
    return StudySummary(
        name=settings.study,
        objectives=settings.measures,
        settings={
            name: value
            for name, value in settings.model_dump(mode="json").items()
            if name not in ("space_text", "plan", "candidates") and value not in (None, [], {})
        },
        parameters=tuple(stored.problem.space.by_name),
        space_name=space_title(settings),
        space_text=settings.space_text,
        trained_for="" if plan is None else f"{plan.kind} {plan.origin}",
        target=settings.trials,
        notices=tuple(filter(None, (linked, *data.get("warnings", ()), caution))),
        caution=caution,
        data_notes="\n".join(filter(None, (*data.get("notes", ()), data.get("data_checks", "")))),
        classes=tuple(data.get("classes", ())),
        versions={**environment.get("libraries", {}), "code": environment.get("code", "")},
        hardware={
            key: str(environment[key])
            for key in ("cpu", "machine", "system", "device", "precision")
            if key in environment
        },
        processes=tuple(_processes(attributes, records)),
        accesses=tuple(read_accesses(stored.study)),
        confirmation=read_confirmation(attributes),
        test=read_final_test(attributes),
        storage=storage,
        resume=f"run_study.py resume {shlex.quote(settings.study)}{flag}",
    )


def space_title(settings: StudySettings) -> str:
    """Return the name of the search space without the suffix of its file: ``seed``."""
    return settings.space_name.removesuffix(".yaml")


def _processes(attributes: dict[str, Any], records: Sequence[TrialRecord]) -> Iterator[Process]:
    """Yield the cost of each process, then the fixed costs, which the wall clocks include."""
    for entry in read_processes(attributes):
        own = [
            r
            for r in records
            if r.worker.get("pid") == entry.pid
            and str(r.worker.get("host", "")).partition("/")[0] == entry.host
        ]
        yield Process(
            label=f"{entry.label} ({entry.host}, {entry.pid})",
            started=entry.started,
            seconds=entry.wall_seconds,
            trials=sum(r.state in ("complete", "pruned") for r in own),
            epochs=sum(r.epochs - r.restored for r in own),
            training_seconds=sum(r.seconds for r in own),
        )
    for cost in read_costs(attributes):
        yield Process(
            label=cost.what, epochs=cost.epochs, training_seconds=cost.seconds, fixed=True
        )


def total_cost(records: Sequence[TrialRecord], summary: StudySummary) -> Process:
    """Return the sum of the processes' costs, or of the trials' if no process stored its cost.

    ``seconds`` is the sum of the wall clocks; ``trials`` counts the trials that trained.
    """
    processes = summary.processes or [
        Process(
            label=f"trial {record.number}",
            trials=int(record.epochs > 0),
            epochs=record.epochs - record.restored,
            training_seconds=record.seconds,
        )
        for record in records
    ]
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
