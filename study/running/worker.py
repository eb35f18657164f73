"""One worker: takes the lock, settles, draws, trains; until the study is done.

Any number of workers, on any number of machines, run this same loop on one study. "Count, then
create" happens under the study's lock, so the number of trials is exact; the lock is given back
as soon as the trial exists and can be told from all others.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any, Literal

import optuna

from study.common.errors import StorageError
from study.common.stop import Stop
from study.objective import TrialContext, TrialCrashed, run_trial
from study.performance_estimation.estimator import EstimateFailed, Interrupted
from study.running.candidate_source.draw import Source
from study.running.candidate_source.promotion import competing, curve_of
from study.search_strategy.pruner import Curve
from study.search_strategy.strategy import Exhausted
from study.settings.budget import Budget, Spent, has_room, too_little_left, used_up
from study.storage import records
from study.storage.heartbeat import beating
from study.storage.ledger import LedgerEntry, read_costs, read_entries, spent
from study.storage.lifecycle import StudyState, same_failures, study_state
from study.storage.locks import Holding, LockLost, StudyLock
from study.storage.opening import end_waiting
from study.storage.rdb import RECONNECT_SECONDS, connection_lost
from study.storage.reap import disown, reap_dead_trials
from study.storage.records import DrawnCandidate, TrialRecord, read_trial
from study.storage.storage_errors import storage_errors

WAIT_SECONDS = 0.25

_HIDING = (
    optuna.exceptions.UpdateFinishedTrialError,
    ValueError,
    AssertionError,
    UnboundLocalError,
)
"""What comes out of ``optimize`` where a trial was taken away, or the storage failed inside."""

Ending = Literal["done", "exhausted", "interrupted", "failing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkResult:
    """Why a worker left.

    Args:
        ending: ``done`` (a limit is reached), ``exhausted`` (nothing left to try),
            ``interrupted``, or ``failing`` (candidate after candidate failed).
        text: The reason in words.
        killed: Numbers of the worker processes that did not stop in time.
    """

    ending: Ending
    text: str
    killed: tuple[int, ...] = ()


class Trials:
    """The stored trials of a study; finished ones are read once."""

    def __init__(self, study: optuna.Study) -> None:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """The loop of one process.

    Args:
        study: The study, opened by this process.
        url: Its storage.
        lock: The study's lock.
        source: Draws candidates.
        context: What every trial shares.
        trials: Reads the stored trials.
        budget: The study's limits.
        retries: How often a lost candidate is run again.
        ledger: This process's entry.
        stop: The wish to stop.
        tidy: Called under the lock with the trials, to remove what is no longer needed.
        prepare: Called under the lock before a draw; False where that has to wait.
        pictures: Surrounds a trial, to attach its pictures when it ends.
    """

    study: optuna.Study
    url: str
    lock: StudyLock
    source: Source
    context: TrialContext
    trials: Trials
    budget: Budget
    retries: int
    ledger: LedgerEntry
    stop: Stop
    tidy: Callable[[StudyState], None] = lambda _: None
    prepare: Callable[[StudyState], bool] = lambda _: True
    pictures: Callable[[optuna.Trial], AbstractContextManager[None]] = lambda _: nullcontext()

    def run(self) -> WorkResult:
        """Work until the study is done or a stop is asked for.

        Raises:
            StorageError: The storage is gone, and did not come back in a minute.
        """
        end_waiting(self.study, when=self.stop)
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
        """Wait for a server that went away; a file that cannot be written will not heal."""
        lost = error.__cause__ is not None and connection_lost(error.__cause__)
        if not lost or time.monotonic() - since > RECONNECT_SECONDS:
            return False
        self.study._storage.remove_session()
        return not self.stop.wait(1.0)

    def _turn(self) -> WorkResult | None:
        """Run one trial, or find out that there is nothing to do now or any more."""
        if self.stop():
            return _interrupted()
        try:
            with storage_errors(self.url), Holding(self.lock, interrupted=self.stop) as held:
                self.ledger.tick()
                trials = self.trials.read()
                if reap_dead_trials(self.study, trials, me=self.context.worker):
                    trials = self.trials.read()
                state = study_state(trials, retries=self.retries)
                self.tidy(state)
                used = self._spent(trials, state)
                if (ending := self._ending(used, state)) is not None:
                    self.ledger.write()
                    return ending
                ready = self._room(used, state) and self.prepare(state)
                drawn = self.source.next(state) if ready else None
                if drawn is not None:
                    self._try(drawn, held)
                    return None
        except Exhausted as reason:
            return WorkResult(ending="exhausted", text=str(reason))
        except (Interrupted, InterruptedError):
            self.ledger.write()
            return _interrupted()
        self.stop.wait(WAIT_SECONDS)
        return None

    def _limits(self, state: StudyState) -> Budget:
        """Return the limits of what comes next: a candidate once drawn is trained to its end."""
        return replace(self.budget, epochs=None) if state.to_repeat else self.budget

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
        entries, costs = read_entries(attributes), read_costs(attributes)
        return spent(trials, len(state.finished), entries, costs)

    def _room(self, used: Spent, state: StudyState) -> bool:
        epochs = self.context.problem.epochs
        started = sum(state.latest[sequence_index].epochs for sequence_index in state.running)
        return has_room(
            self._limits(state),
            used,
            running=len(state.running),
            running_epochs=epochs * (len(state.running) + 1) - started,
        )

    def _try(self, drawn: DrawnCandidate, held: Holding) -> None:
        """Run one trial; the lock is given back when it has begun.

        Raises:
            Interrupted: A stop was asked for.
        """
        begun: list[optuna.Trial] = []

        def release() -> None:
            if not held.release():
                disown(begun[0])
                raise LockLost

        def objective(trial: optuna.Trial) -> float | Sequence[float]:
            begun.append(trial)
            with beating(self.study, trial._trial_id, url=self.url), self.pictures(trial):
                values = run_trial(trial, drawn, self.context, release=release)
            return values if len(values) > 1 else values[0]

        self.study.sampler = HandOver(drawn.values)
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
        self.ledger.tick()

    def _was_taken_away(self, trial: optuna.Trial) -> bool:
        """Tell whether another process took this trial for lost; it is run again at its place."""
        failure = self.study._storage.get_trial(trial._trial_id).user_attrs.get(records.FAILURE)
        return failure is not None and failure["kind"] in ("killed", "interrupted")


def _interrupted() -> WorkResult:
    return WorkResult(ending="interrupted", text="stopped as asked")


class HandOver(optuna.samplers.BaseSampler):
    """Gives Optuna the values that were drawn; a study without strategy of its own."""

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


def curves_of_others(
    trials: Trials, *, sign: float, retries: int
) -> Callable[[int], Sequence[Curve]]:
    """Return a function of a place: the curves of all candidates but the one at that place."""
    finished: dict[int, Curve] = {}

    def curve(record: TrialRecord) -> Curve:
        if record.number in finished:
            return finished[record.number]
        made = curve_of(record, sign=sign)
        if record.state != "running":
            finished[record.number] = made
        return made

    def others(sequence_index: int) -> list[Curve]:
        state = study_state(trials.read(), retries=retries)
        own = state.latest[sequence_index].candidate_id
        return [curve(record) for record in competing(state) if record.candidate_id != own]

    return others
