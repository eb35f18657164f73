"""A study from its settings to its end: validate, create or resume, run the workers.

``run_study`` does all of it; the command line and notebooks call it.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, replace
from typing import Protocol

from study.common.artifact_path import check_writable
from study.common.stop import Stop
from study.running.local_workers import run_workers
from study.running.study_data import describe_data_checks, load_data, machine_facts
from study.running.worker import StudyObserver, WorkResult, make_worker
from study.settings.problem import Problem
from study.settings.run_context import RunContext
from study.settings.study_settings import StudySettings
from study.settings.validation import validate
from study.storage.lifecycle import StudyState, study_state
from study.storage.locks import holding, schema_lock, study_lock
from study.storage.opening import open_storage, quiet_optuna
from study.storage.records import TrialRecord, read_trials
from study.storage.storage_errors import storage_errors
from study.storage.stored_study import StoredStudy, create_or_load
from study.transfer.transfer import begin_transfer, finish_transfer


class WorkerBackend(Protocol):
    """Starts the workers of a study."""

    def __call__(
        self, stored: StoredStudy, run_context: RunContext, *, workers: int, stop: Stop
    ) -> WorkResult:
        """Run this many workers until the study is done, and return why they ended.

        Raises:
            StudyError: A worker met an error that no restart solves.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyResult:
    """The outcome of a run: why it ended, all trials of the study, and notes for the user."""

    stored: StoredStudy
    work: WorkResult
    trials: tuple[TrialRecord, ...]
    notes: tuple[str, ...] = ()

    @property
    def state(self) -> StudyState:
        """The state of the study after the run."""
        return study_state(self.trials, retries=self.stored.settings.retries)


def run_study(
    settings: StudySettings,
    run_context: RunContext,
    *,
    workers: int = 1,
    stop: Stop | None = None,
    observers: Sequence[StudyObserver] = (),
    fork_of: str | None = None,
) -> StudyResult:
    """Run a study until it is done; resume it where it is stored already.

    Args:
        workers: Number of worker processes; one runs in this process.
        observers: Watch the study. Worker processes have observers of their own.
        fork_of: A study whose valid results a new study takes over.
    """
    stop = stop or Stop()
    stored, notes = prepare(settings, run_context, stop=stop, fork_of=fork_of)
    result = continue_study(stored, run_context, workers=workers, stop=stop, observers=observers)
    return replace(result, notes=notes)


def continue_study(
    stored: StoredStudy,
    run_context: RunContext,
    *,
    workers: int,
    stop: Stop,
    observers: Sequence[StudyObserver] = (),
    backend: WorkerBackend | None = None,
) -> StudyResult:
    """Work on a stored study until it is done.

    Args:
        workers: Number of workers; one runs in this process.
        backend: Starts the workers; None for processes of this machine.
    """
    with storage_errors(stored.url), ExitStack() as stack:
        for observer in observers:
            stack.enter_context(observer.around_study(stored, stop=stop))
        if backend is not None:
            work = backend(stored, run_context, workers=workers, stop=stop)
        elif workers == 1:
            work = work_on(stored, run_context, stop=stop, observers=observers)
        else:
            work = run_workers(stored, run_context, workers=workers, stop=stop)
    with storage_errors(stored.url):
        trials = tuple(read_trials(stored.study.get_trials(deepcopy=False)))
    return StudyResult(stored=stored, work=work, trials=trials)


def prepare(
    settings: StudySettings, run_context: RunContext, *, stop: Stop, fork_of: str | None = None
) -> tuple[StoredStudy, tuple[str, ...]]:
    """Validate the settings, then create the study or load it. Return it with notes for the user.

    Raises:
        StudyError: Something does not fit. Nothing has been written then.
    """
    quiet_optuna()
    data, described = load_data(settings, run_context, interrupted=stop)
    problem = Problem.for_data(settings, described)
    notes = [*described["notes"], *described["warnings"], *validate(problem)]
    if data is not None:
        described["data_checks"] = describe_data_checks(settings, run_context, parts="searched")
    if run_context.artifacts is not None:
        check_writable(run_context.artifacts)
    tables = schema_lock(run_context.url)
    with nullcontext() if tables is None else holding(tables):
        storage = open_storage(run_context.url, create=True)
    lock = study_lock(storage, run_context.url, settings.study)
    with storage_errors(run_context.url), holding(lock):
        stored, remarks = create_or_load(
            settings,
            run_context.url,
            data=described,
            environment=machine_facts(settings, run_context, data),
            beginnings=begin_transfer(settings, described, run_context.url, fork_of=fork_of),
        )
        notes += finish_transfer(stored, fork_of=fork_of)
    return stored, (*notes, *remarks)


def work_on(
    stored: StoredStudy,
    run_context: RunContext,
    *,
    stop: Stop,
    observers: Sequence[StudyObserver] = (),
) -> WorkResult:
    """Work on a stored study in this process until it is done."""
    with storage_errors(run_context.url):
        return make_worker(stored, run_context, stop=stop, observers=observers).run()
