"""The loop of one worker: lock, reap dead trials, draw a candidate, unlock, run the trial.

Any number of workers on any number of machines run this loop on one study. Trials are counted and
created under the study's lock, so their number is exact. The lock is released as soon as the new
trial is stored with its draw.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple, Protocol

import optuna

from study.common.artifact_path import ArtifactPath
from study.common.errors import StorageError
from study.common.stop import Stop
from study.objective import TrialContext, TrialCrashed, run_trial
from study.performance_estimation.estimator import EstimateFailed, Interrupted
from study.performance_estimation.latency import METRIC as LATENCY
from study.performance_estimation.latency import WithLatency
from study.performance_estimation.supernet.supernet_estimator import SupernetEstimator
from study.running.candidate_source.source import CandidateSource, make_source
from study.running.curves import CompetingCurves
from study.running.shared_weights import SharedWeights
from study.running.study_data import checkpoints, estimator_context
from study.search_strategy.strategy import Exhausted
from study.settings.budget import Budget, Spent, has_room, too_little_left, used_up
from study.settings.run_context import RunContext
from study.storage import records
from study.storage.checkpoints import needed_checkpoints, prune_checkpoints
from study.storage.costs import ProcessLog, spent
from study.storage.lifecycle import StudyState, same_failures, study_state
from study.storage.locks import LockLost, StudyLock, holding, study_lock
from study.storage.opening import stop_waiting_for_server
from study.storage.rdb import retry_while_lost
from study.storage.reap import beating, identity, reap_dead_trials, withdraw
from study.storage.records import DrawnCandidate, TrialReader
from study.storage.storage_errors import storage_errors
from study.storage.stored_study import StoredStudy, versions

WAIT_SECONDS = 0.25

_HIDING = (
    optuna.exceptions.UpdateFinishedTrialError,
    ValueError,
    AssertionError,
    UnboundLocalError,
)
"""Raised by ``optimize`` where another process took the trial over, or the storage failed."""


class StudyObserver(Protocol):
    """Watches a study, and changes nothing about it.

    An observer must not raise: a study does not fail because of how it is shown.
    """

    def around_study(self, stored: StoredStudy, *, stop: Stop) -> AbstractContextManager[None]:
        """Return a context for one run of the study, in the process that starts the workers."""
        return nullcontext()

    def around_trial(
        self, stored: StoredStudy, trial: optuna.Trial
    ) -> AbstractContextManager[None]:
        """Return a context for one trial, in the worker that runs it.

        It sees how the trial ends as an exception: pruned, failed, interrupted or none.
        """
        return nullcontext()


class WorkResult(NamedTuple):
    """Why a worker ended.

    Args:
        ending: ``done`` (a limit is reached), ``exhausted`` (nothing left to try),
            ``interrupted``, or ``failing`` (candidate after candidate failed).
        text: The reason, for the user.
    """

    ending: Literal["done", "exhausted", "interrupted", "failing"]
    text: str


INTERRUPTED = WorkResult(ending="interrupted", text="stopped as asked")


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """The loop of one process.

    Args:
        source: Decides what is tried next.
        checkpoints: Folder of the checkpoints, pruned under the lock.
        weights: Shared weights of a supernet, trained under the lock; None without them.
    """

    stored: StoredStudy
    lock: StudyLock
    source: CandidateSource
    context: TrialContext
    trials: TrialReader
    log: ProcessLog
    stop: Stop
    checkpoints: ArtifactPath
    weights: SharedWeights | None = None
    observers: Sequence[StudyObserver] = ()

    def run(self) -> WorkResult:
        """Work until the study is done or a stop is requested.

        Raises:
            StorageError: The storage is lost, and not back within a minute.
        """
        stop_waiting_for_server(self.stored.study, when=self.stop)
        reset = self.stored.study._storage.remove_session
        while True:
            result = retry_while_lost(self._turn, give_up=self.stop, reset=reset)
            if result is not None:
                return result

    def _turn(self) -> WorkResult | None:
        """Run one trial. Return a result where the worker is to end, else None."""
        if self.stop():
            return INTERRUPTED
        study = self.stored.study
        try:
            with storage_errors(self.stored.url), holding(self.lock, stop=self.stop):
                self.log.tick()
                trials = self.trials.read()
                if reap_dead_trials(study, trials, me=self.context.worker):
                    trials = self.trials.read()
                state = study_state(trials, retries=self.stored.settings.retries)
                kept = needed_checkpoints(state, self.context.problem)
                prune_checkpoints(self.checkpoints, kept)
                used = spent(trials, len(state.finished), study.user_attrs)
                if (ending := self._ending(used, state)) is not None:
                    self.log.write()
                    return ending
                ready = self._has_room(used, state) and (
                    self.weights is None or self.weights.prepare(state)
                )
                drawn = self.source.next(state) if ready else None
                if drawn is not None:
                    self._try(drawn)
                    return None
        except Exhausted as reason:
            return WorkResult(ending="exhausted", text=str(reason))
        except (Interrupted, InterruptedError):
            self.log.write()
            return INTERRUPTED
        self.stop.wait(WAIT_SECONDS)
        return None

    def _limits(self, state: StudyState) -> Budget:
        """Return the limits. They do not stop a candidate that was drawn from being trained."""
        budget = self.stored.settings.budget
        return replace(budget, epochs=None) if state.to_repeat else budget

    def _ending(self, used: Spent, state: StudyState) -> WorkResult | None:
        if (cause := same_failures(state)) is not None:
            return WorkResult(ending="failing", text=cause)
        limits = self._limits(state)
        reached = used_up(limits, used)
        if reached is None and not state.running:
            reached = too_little_left(limits, used, next_epochs=self.context.problem.epochs)
        return None if reached is None else WorkResult(ending="done", text=reached)

    def _has_room(self, used: Spent, state: StudyState) -> bool:
        started = sum(state.latest[index].epochs for index in state.running)
        return has_room(
            self._limits(state),
            used,
            running=len(state.running),
            running_epochs=self.context.problem.epochs * (len(state.running) + 1) - started,
        )

    def _try(self, drawn: DrawnCandidate) -> None:
        """Run one trial, and release the lock when it has begun."""
        study = self.stored.study
        begun: list[optuna.Trial] = []

        def release() -> None:
            if not self.lock.release():
                withdraw(begun[0])
                raise LockLost

        def objective(trial: optuna.Trial) -> float | Sequence[float]:
            begun.append(trial)
            with beating(study, trial._trial_id, url=self.stored.url), ExitStack() as stack:
                for observer in self.observers:
                    stack.enter_context(observer.around_trial(self.stored, trial))
                values = run_trial(trial, drawn, self.context, release=release)
            return values if len(values) > 1 else values[0]

        study.sampler = DrawnValues(drawn.values)
        try:
            study.optimize(objective, n_trials=1, catch=(EstimateFailed, TrialCrashed, LockLost))
        except _HIDING as error:
            cause = error.__context__
            if isinstance(cause, optuna.exceptions.StorageInternalError | StorageError):
                raise cause from cause.__cause__  # Optuna hides it behind an assertion
            if not begun or not self._was_taken_away(begun[0]):
                raise
        self.log.tick()

    def _was_taken_away(self, trial: optuna.Trial) -> bool:
        """Return whether another process declared this trial dead; a later trial repeats it."""
        stored = self.stored.study._storage.get_trial(trial._trial_id)
        failure = stored.user_attrs.get(records.FAILURE)
        return failure is not None and failure["kind"] in ("killed", "interrupted")


class DrawnValues(optuna.samplers.RandomSampler):
    """Makes Optuna suggest the values that were drawn."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        super().__init__()
        self._values = dict(values)

    def sample_independent(
        self,
        study: optuna.Study,
        trial: optuna.trial.FrozenTrial,
        param_name: str,
        param_distribution: optuna.distributions.BaseDistribution,
    ) -> Any:
        return self._values[param_name]


def make_worker(
    stored: StoredStudy,
    run_context: RunContext,
    *,
    stop: Stop,
    observers: Sequence[StudyObserver] = (),
) -> Worker:
    """Return the worker of this process for a stored study, with its images loaded."""
    study, problem = stored.study, stored.problem
    process = identity(run_context.label)
    log = ProcessLog(study, process)
    log.write()
    context = estimator_context(stored, run_context, stop=stop)
    estimator = problem.estimator.make(context)

    def alive() -> None:
        log.tick()
        if stop():
            raise Interrupted

    source, weights = make_source(stored, context, alive=alive), None
    if isinstance(estimator, SupernetEstimator):
        weights = SharedWeights(estimator=estimator, source=source, study=study, alive=alive)
    if any(measure.metric == LATENCY for measure in stored.settings.measures):
        assert context.device is not None
        estimator = WithLatency(estimator=estimator, image=context.image, device=context.device)
    trials = TrialReader(study)
    return Worker(
        stored=stored,
        lock=study_lock(study._storage, run_context.url, stored.settings.study),
        source=source,
        context=TrialContext(
            problem=problem,
            estimator=estimator,
            curves=CompetingCurves(problem, trials).others,
            worker=process,
            facts=versions(),
            alive=alive,
        ),
        trials=trials,
        log=log,
        stop=stop,
        checkpoints=checkpoints(stored, run_context),
        weights=weights,
        observers=observers,
    )
