"""A study from its settings to its end: create or resume, guard, work.

``run_study`` is what the command line calls, and what a notebook may call.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

from study.common.artifact_path import check_writable
from study.common.stop import Stop
from study.dashboard.refresh import kept_fresh
from study.dashboard.study_page import study_page
from study.running.assembly import make_worker
from study.running.local_workers import run_workers
from study.running.progress import choose_progress, watching
from study.running.study_data import describe_audit, load_data, machine_facts
from study.running.worker import WorkResult
from study.search_space.candidate import ImageFormat
from study.settings.problem import Problem
from study.settings.run_context import RunContext
from study.settings.study_settings import StudySettings
from study.settings.validation import validate
from study.storage.lifecycle import StudyState, study_state
from study.storage.locks import Holding, schema_lock, study_lock
from study.storage.opening import open_storage, quiet_optuna
from study.storage.reap import park
from study.storage.records import TrialRecord, read_trials
from study.storage.storage_errors import storage_errors
from study.storage.stored_study import StoredStudy, create_or_load
from study.transfer.beginnings import beginnings, finish_transfer


class WorkerBackend(Protocol):
    """Lets so many processes work on a stored study until it is done."""

    def __call__(
        self, stored: StoredStudy, run_context: RunContext, *, workers: int, stop: Stop
    ) -> WorkResult:
        """Return why they left.

        Raises:
            StudyError: A worker met something that no restart mends.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyResult:
    """What a run came to.

    Args:
        stored: The study.
        work: Why the run ended.
        trials: All its trials.
        notes: What the user should know: warnings, differences that do not matter.
    """

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
    quiet: bool = True,
    fork_of: str | None = None,
) -> StudyResult:
    """Run a study until it is done; resume it where it is stored already.

    Args:
        settings: What the study is.
        run_context: Where it runs.
        workers: Processes that work on it; one works in this process.
        stop: The wish to stop, if anybody may have it.
        quiet: Whether to show no progress.
        fork_of: The study that a new one takes the results over from that hold in it.

    Raises:
        StudyError: The space, the settings, the data or the storage cannot be used.
    """
    stop = stop or Stop()
    stored, notes = prepare(settings, run_context, stop=stop, fork_of=fork_of)
    result = continue_study(stored, run_context, workers=workers, stop=stop, quiet=quiet)
    return replace(result, notes=notes)


def continue_study(
    stored: StoredStudy,
    run_context: RunContext,
    *,
    workers: int,
    stop: Stop,
    quiet: bool,
    backend: WorkerBackend | None = None,
) -> StudyResult:
    """Work on a stored study until it is done.

    Args:
        stored: The study.
        run_context: Where it runs.
        workers: Processes that work on it.
        stop: The wish to stop.
        quiet: Whether to show no progress.
        backend: Lets the processes work; None for processes of this machine.

    Raises:
        StudyError: Data, space or storage cannot be used.
    """

    def work() -> WorkResult:
        with kept_fresh(study_page(stored, run_context.artifacts), interrupted=stop):
            return (backend or local_backend)(stored, run_context, workers=workers, stop=stop)

    return _watched(stored, work, quiet=quiet)


def join_study(
    stored: StoredStudy, run_context: RunContext, *, stop: Stop, quiet: bool
) -> StudyResult:
    """Work on a study of another process, which keeps its page in the dashboard, until it is done.

    Args:
        stored: The study.
        run_context: Where this process runs.
        stop: The wish to stop.
        quiet: Whether to show no progress.

    Raises:
        StudyError: Data, space or storage cannot be used.
    """
    return _watched(stored, lambda: work_on(stored, run_context, stop=stop), quiet=quiet)


def _watched(stored: StoredStudy, work: Callable[[], WorkResult], *, quiet: bool) -> StudyResult:
    progress = choose_progress(
        stored.settings,
        tuple(stored.problem.space.by_name),
        epochs=max(stored.problem.epochs, 1),
        quiet=quiet,
    )
    with storage_errors(stored.url):
        with watching(stored.study, stored.settings, progress):
            result = work()
        trials = tuple(read_trials(stored.study.get_trials(deepcopy=False)))
    return StudyResult(stored=stored, work=result, trials=trials)


def local_backend(
    stored: StoredStudy, run_context: RunContext, *, workers: int, stop: Stop
) -> WorkResult:
    """Work in this process alone, or in several of this machine; see ``WorkerBackend``."""
    if workers == 1:
        return work_on(stored, run_context, stop=stop)
    work = run_workers(
        stored.settings.study,
        run_context,
        workers=workers,
        stop=stop,
        finished=lambda: sum(
            t.state.is_finished() for t in stored.study.get_trials(deepcopy=False)
        ),
    )
    if work.killed:
        park(stored.study, pids=work.killed)
    return work


def prepare(
    settings: StudySettings, run_context: RunContext, *, stop: Stop, fork_of: str | None = None
) -> tuple[StoredStudy, tuple[str, ...]]:
    """Check everything that can be checked, then create the study or load it.

    Returns:
        The study, and notes for the user.

    Raises:
        StudyError: Something does not fit; nothing has been written then.
    """
    quiet_optuna()
    data, described = load_data(settings, run_context, interrupted=stop)
    problem = Problem(settings=settings, image=ImageFormat(**described["image"]))
    notes = [*described["notes"], *described["warnings"], *validate(problem)]
    if data is not None:
        described["audit"] = describe_audit(settings, run_context, parts="searched")
    if run_context.artifacts is not None:
        check_writable(run_context.artifacts)
    storage = open_or_create_storage(run_context.url)
    lock = study_lock(storage, run_context.url, settings.study)
    with storage_errors(run_context.url), Holding(lock, interrupted=lambda: False):
        stored, remarks = create_or_load(
            settings,
            run_context.url,
            data=described,
            environment=machine_facts(settings, run_context, data),
            beginnings=beginnings(settings, described, run_context.url, fork_of=fork_of),
        )
        notes += finish_transfer(stored, fork_of=fork_of)
    return stored, (*notes, *remarks)


def open_or_create_storage(url: str) -> Any:
    """Open a storage, its tables made by one process at a time."""
    lock = schema_lock(url)
    if lock is None:
        return open_storage(url, create=True)
    with Holding(lock, interrupted=lambda: False):
        return open_storage(url, create=True)


def work_on(stored: StoredStudy, run_context: RunContext, *, stop: Stop) -> WorkResult:
    """Work on a stored study in this process until it is done.

    Raises:
        StudyError: Data, space or storage cannot be used.
    """
    with storage_errors(run_context.url):
        return make_worker(stored, run_context, stop=stop).run()
