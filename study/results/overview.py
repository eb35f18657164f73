"""A stored study → the summary its reports are made from."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from study.common.errors import StorageError
from study.final_test.looks import StudyLedger
from study.report.importance import parameter_importance
from study.report.listing import StudyLine
from study.report.stored_outcomes import read_confirmation, read_final_test
from study.results.summary import Look, Objective, Process, StudySummary
from study.settings.study_settings import Plan
from study.storage.ledger import read_costs, read_entries
from study.storage.lifecycle import study_state
from study.storage.opening import DEFAULT_URL, open_storage
from study.storage.records import TrialRecord, ranked, read_trials
from study.storage.storage_errors import redacted, storage_errors
from study.storage.stored_study import StoredStudy, open_study

CONFIRMATION, TEST = "confirmation", "test"


def load_trials(name: str, url: str) -> tuple[StoredStudy, tuple[TrialRecord, ...]]:
    """Return a stored study and its trials, for looking only.

    Raises:
        StorageError: There is no such study.
    """
    stored = open_study(name, url, read_only=True)
    return stored, tuple(read_trials(stored.study.get_trials(deepcopy=False)))


def summarise_study(stored: StoredStudy, records: Sequence[TrialRecord]) -> StudySummary:
    """Return what is known of a study beside its trials."""
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
        versions={**libraries, "code": environment.get("code", "")},
        hardware={
            key: str(environment[key])
            for key in ("cpu", "machine", "system", "device", "precision")
            if key in environment
        },
        processes=(*_processes(attributes, records), *_fixed_costs(attributes)),
        looks=_looks(stored),
        confirmation=read_confirmation(attributes.get(CONFIRMATION)),
        test=read_final_test(attributes.get(TEST)),
        storage=redacted(stored.url),
        resume=resume_command(settings.study, stored.url),
        created=min((r.started for r in records if r.started), default=None),
    )


def resume_command(name: str, url: str) -> str:
    """Return the command that goes on with a study; the reader fills a password in."""
    flag = "" if url == DEFAULT_URL else f" --storage {shlex.quote(redacted(url))}"
    return f"run_study.py resume {shlex.quote(name)}{flag}"


def _linked(plan: Plan | None) -> str:
    """Say whose trainings these are, where they are another study's."""
    if plan is None:
        return ""
    return (
        f"The trainings of '{plan.kind} {plan.origin}': listed candidates, {plan.repeats} fresh "
        f"seeds each. What they say is in the report of '{plan.origin}'."
    )


def _data_notes(stored: StoredStudy) -> tuple[str, ...]:
    return (*stored.data.get("notes", ()), stored.data.get("audit", ""))


def _processes(attributes: dict[str, Any], records: Sequence[TrialRecord]) -> tuple[Process, ...]:
    processes = []
    for entry in read_entries(attributes):
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
    """Return what was spent beside the trials; its time is part of the processes' wall clock."""
    return tuple(
        Process(label=cost.what, epochs=cost.epochs, training_seconds=cost.seconds, fixed=True)
        for cost in read_costs(attributes)
    )


def _looks(stored: StoredStudy) -> tuple[Look, ...]:
    return tuple(
        Look(
            when=look.when,
            candidate_id=look.candidate_id,
            code_version=look.code_version,
            fit_on=look.fit_on,
        )
        for look in StudyLedger(stored.study).looks()
    )


def study_lines(url: str) -> list[StudyLine]:
    """Return a line for each study of a storage that this program made.

    Raises:
        StorageError: The storage cannot be read.
    """
    import optuna

    storage = open_storage(url, read_only=True)
    with storage_errors(url):
        names = sorted(optuna.get_all_study_names(storage))
    lines = []
    for name in names:
        try:
            stored, records = load_trials(name, url)
        except StorageError:
            continue  # another program's study
        lines.append(_line(stored, records))
    return lines


def _line(stored: StoredStudy, records: Sequence[TrialRecord]) -> StudyLine:
    settings = stored.settings
    state = study_state(records, retries=settings.retries)
    winner = ranked(records, maximise=settings.measures[0].maximise)[:1]
    several = len(settings.measures) > 1
    return StudyLine(
        name=settings.study,
        space=settings.space_name,
        metric=settings.measures[0].key,
        finished=len(state.finished),
        target=settings.trials,
        sampler=settings.sampler,
        estimator=settings.estimator,
        best=None if several or not winner else winner[0].value,
    )


def with_importance(stored: StoredStudy, summary: StudySummary) -> StudySummary:
    """Return the summary with the importance of each parameter, where that can be told."""
    if len(summary.objectives) > 1:
        return summary
    return replace(summary, importance=parameter_importance(stored.study))
