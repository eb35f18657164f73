"""The loop of one worker: lock, reap dead trials, draw a candidate, unlock, run the trial.

Any number of workers on any number of machines run this loop on one study. Trials are counted and
created under the study's lock, so their number is exact. The lock is released as soon as the new
trial is stored with its draw.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal

import optuna

from study.common.artifact_path import ArtifactPath
from study.common.errors import StorageError
from study.common.stop import Stop
from study.objective import TrialContext, TrialCrashed, run_trial
from study.performance_estimation.estimator import EstimateFailed, Interrupted
from study.running.candidate_source.source import CandidateSource, make_source
from study.running.curves import CompetingCurves
from study.running.estimation import checkpoints, estimator_context, with_latency
from study.running.observer import StudyObserver
from study.running.shared_weights import SharedWeights, shared_weights
from study.search_strategy.strategy import Exhausted
from study.settings.budget import Budget, Spent, has_room, too_little_left, used_up
from study.settings.run_context import RunContext
from study.storage import records
from study.storage.checkpoints import needed_checkpoints, prune_checkpoints
from study.storage.costs import ProcessLog, read_costs, read_processes, spent
from study.storage.lifecycle import StudyState, same_failures, study_state
from study.storage.locks import LockLost, StudyLock, holding, study_lock
from study.storage.opening import stop_waiting_for_server
from study.storage.processes import identity
from study.storage.rdb import RECONNECT_SECONDS, connection_lost
from study.storage.reap import beating, reap_dead_trials, withdraw
from study.storage.records import DrawnCandidate, TrialReader, TrialRecord
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

Ending = Literal["done", "exhausted", "interrupted", "failing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkResult:
    """Why a worker ended.

    Args:
        ending: ``done`` (a limit is reached), ``exhausted`` (nothing left to try),
            ``interrupted``, or ``failing`` (candidate after candidate failed).
        text: The reason, for the user.
    """

    ending: Ending
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """The loop of one process.

    Args:
        stored: The study, opened by this process.
        lock: The study's lock.
        source: Decides what is tried next.
        context: What all trials share.
        trials: Reads the stored trials.
        log: This process's entry among the processes of the study.
        stop: Cooperative stop flag.
        checkpoints: Folder of the checkpoints, pruned under the lock.
        weights: Shared weights of a supernet, trained under the lock; None without them.
        observers: Watch the trials.
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

    @property
    def study(self) -> optuna.Study:
        """Optuna's study."""
        return self.stored.study

    def run(self) -> WorkResult:
        """Work until the study is done or a stop is requested.

        Raises:
            StorageError: The storage is lost, and not back within a minute.
        """
        stop_waiting_for_server(self.study, when=self.stop)
        lost_since: float | None = None
        while True:
            try:
                result = self._turn()
            except StorageError as error:
                lost_since = lost_since or time.monotonic()
                if not self._may_come_back(error, lost_since):
                    raise
                continue
            lost_since = None
            if result is not None:
                return result

    def _may_come_back(self, error: StorageError, since: float) -> bool:
        """Wait for a lost server; False for an error that waiting does not solve."""
        lost = error.__cause__ is not None and connection_lost(error.__cause__)
        if not lost or time.monotonic() - since > RECONNECT_SECONDS:
            return False
        self.study._storage.remove_session()
        return not self.stop.wait(1.0)

    def _turn(self) -> WorkResult | None:
        """Run one trial. Return a result where the worker is to end, else None."""
        if self.stop():
            return _interrupted()
        try:
            with storage_errors(self.stored.url), holding(self.lock, stop=self.stop):
                self.log.tick()
                trials = self.trials.read()
                if reap_dead_trials(self.study, trials, me=self.context.worker):
                    trials = self.trials.read()
                state = study_state(trials, retries=self.stored.settings.retries)
                self._prune_checkpoints(state)
                used = self._spent(trials, state)
                if (ending := self._ending(used, state)) is not None:
                    self.log.write()
                    return ending
                ready = self._room(used, state) and self._weights_ready(state)
                drawn = self.source.next(state) if ready else None
                if drawn is not None:
                    self._try(drawn)
                    return None
        except Exhausted as reason:
            return WorkResult(ending="exhausted", text=str(reason))
        except (Interrupted, InterruptedError):
            self.log.write()
            return _interrupted()
        self.stop.wait(WAIT_SECONDS)
        return None

    def _limits(self, state: StudyState) -> Budget:
        """Return the limits. They do not stop a candidate that was drawn from being trained."""
        budget = self.stored.settings.budget
        return replace(budget, epochs=None) if state.to_repeat else budget

    def _prune_checkpoints(self, state: StudyState) -> None:
        problem = self.context.problem
        kept = needed_checkpoints(
            state,
            keep=problem.settings.keep,
            measures=problem.settings.measures,
            may_go_on=problem.pruner.stops,
        )
        prune_checkpoints(self.checkpoints, kept)

    def _weights_ready(self, state: StudyState) -> bool:
        return self.weights is None or self.weights.prepare(state)

    def _ending(self, used: Spent, state: StudyState) -> WorkResult | None:
        if (cause := same_failures(state)) is not None:
            return WorkResult(ending="failing", text=cause)
        limits = self._limits(state)
        reached = used_up(limits, used)
        if reached is None and not state.running:
            reached = too_little_left(limits, used, next_epochs=self.context.problem.epochs)
        return None if reached is None else WorkResult(ending="done", text=reached)

    def _spent(self, trials: Sequence[TrialRecord], state: StudyState) -> Spent:
        attributes = self.study.user_attrs
        processes, costs = read_processes(attributes), read_costs(attributes)
        return spent(trials, len(state.finished), processes, costs)

    def _room(self, used: Spent, state: StudyState) -> bool:
        epochs = self.context.problem.epochs
        started = sum(state.latest[sequence_index].epochs for sequence_index in state.running)
        return has_room(
            self._limits(state),
            used,
            running=len(state.running),
            running_epochs=epochs * (len(state.running) + 1) - started,
        )

    def _try(self, drawn: DrawnCandidate) -> None:
        """Run one trial, and release the lock when it has begun.

        Raises:
            Interrupted: A stop was requested.
        """
        begun: list[optuna.Trial] = []

        def release() -> None:
            if not self.lock.release():
                withdraw(begun[0])
                raise LockLost

        def objective(trial: optuna.Trial) -> float | Sequence[float]:
            begun.append(trial)
            with beating(self.study, trial._trial_id, url=self.stored.url), self._observed(trial):
                values = run_trial(trial, drawn, self.context, release=release)
            return values if len(values) > 1 else values[0]

        self.study.sampler = GivenValues(drawn.values)
        try:
            self.study.optimize(
                objective, n_trials=1, catch=(EstimateFailed, TrialCrashed, LockLost)
            )
        except _HIDING as error:
            cause = error.__context__
            if isinstance(cause, optuna.exceptions.StorageInternalError | StorageError):
                raise cause from cause.__cause__  # Optuna hides it behind an assertion
            if not begun or not self._was_taken_away(begun[0]):
                raise
        self.log.tick()

    @contextmanager
    def _observed(self, trial: optuna.Trial) -> Iterator[None]:
        with ExitStack() as stack:
            for observer in self.observers:
                stack.enter_context(observer.around_trial(self.stored, trial))
            yield

    def _was_taken_away(self, trial: optuna.Trial) -> bool:
        """Tell whether another process took this trial for dead, and repeats it."""
        failure = self.study._storage.get_trial(trial._trial_id).user_attrs.get(records.FAILURE)
        return failure is not None and failure["kind"] in ("killed", "interrupted")


def _interrupted() -> WorkResult:
    return WorkResult(ending="interrupted", text="stopped as asked")


class GivenValues(optuna.samplers.BaseSampler):
    """Makes Optuna suggest the values that were drawn."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = dict(values)

    def infer_relative_search_space(
        self, study: optuna.Study, trial: optuna.trial.FrozenTrial
    ) -> dict[str, optuna.distributions.BaseDistribution]:
        return {}

    def sample_relative(
        self,
        study: optuna.Study,
        trial: optuna.trial.FrozenTrial,
        search_space: dict[str, optuna.distributions.BaseDistribution],
    ) -> dict[str, Any]:
        return {}

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
    """Return the worker of this process for a stored study, with its images loaded.

    Raises:
        StudyError: Data, space or versions are not those of the study.
    """
    settings, problem = stored.settings, stored.problem
    process = identity(run_context.label)
    log = ProcessLog(stored.study, process)
    log.write()
    trials = TrialReader(stored.study)
    context = estimator_context(stored, run_context, stop=stop)
    estimator = stored.problem.estimator.make(context)

    def alive() -> None:
        log.tick()
        if stop():
            raise Interrupted

    source = make_source(stored, context, alive=alive)
    return Worker(
        stored=stored,
        lock=study_lock(stored.study._storage, run_context.url, settings.study),
        source=source,
        context=TrialContext(
            problem=problem,
            estimator=with_latency(estimator, stored, context),
            curves=CompetingCurves(problem, trials).others,
            worker=process,
            facts=versions(),
            alive=alive,
        ),
        trials=trials,
        log=log,
        stop=stop,
        checkpoints=checkpoints(stored, run_context),
        weights=shared_weights(estimator, source, stored.study, alive=alive),
        observers=observers,
    )
