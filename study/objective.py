"""One trial, start to end. Read this first.

    suggest → candidate → duplicate? → estimate, reporting every epoch → store

A trial that was drawn but did not finish has stored everything that is needed to repeat it at its
sequence index.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import optuna
from optuna.exceptions import StorageInternalError

from study.common.errors import DataError, StorageError
from study.performance_estimation.estimator import (
    Estimate,
    EstimateFailed,
    Estimator,
    Interrupted,
    Step,
)
from study.search_space.candidate import Values
from study.search_strategy.pruner import Curve
from study.settings.problem import Problem
from study.storage import records
from study.storage.reap import INTERRUPTED
from study.storage.records import DrawnCandidate, Failure, TrialRecord, training_seed
from study.storage.storage_errors import disk_error


class TrialCrashed(Exception):  # noqa: N818 - an outcome: the trial is repeated
    """An unexpected exception ended a trial. Its text is stored with the trial."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialContext:
    """What all trials of a worker share.

    Args:
        curves: Returns the curves of all candidates but the one at a sequence index.
        worker: Identity of the process, stored with each trial.
        facts: Versions of the code and the libraries, stored with each trial.
        alive: Called after every step; may raise to stop the trial.
    """

    problem: Problem
    estimator: Estimator
    curves: Callable[[int], Sequence[Curve]]
    worker: Mapping[str, Any]
    facts: Mapping[str, Any]
    alive: Callable[[], None]


def run_trial(
    trial: optuna.Trial,
    drawn: DrawnCandidate,
    context: TrialContext,
    *,
    release: Callable[[], None],
) -> tuple[float, ...]:
    """Score the drawn candidate and return its objective values.

    Args:
        release: Releases the study's lock; called once the candidate and its draw are stored.

    Raises:
        TrialPruned: The pruner stopped it.
        EstimateFailed: It cannot be scored; the reason is stored.
        Interrupted: A stop was requested; a later trial continues it after its last epoch.
        TrialCrashed: An unexpected exception was raised; the trial is repeated.
        StorageError: The disk of the study's files is full or cannot be written.
    """
    problem = context.problem
    values = problem.space.suggest(trial)
    _store_candidate(trial, values, drawn, context)
    release()
    if (violation := problem.violation(values)) is not None:
        _store_failure(trial, "constraint", violation)
        raise EstimateFailed("constraint", violation)
    if drawn.duplicate is not None and drawn.duplicate.state != "pruned":
        return _reuse(trial, drawn)
    reporter = _Reporter(trial, drawn, context)
    seed = drawn.seed
    if seed is None:
        seed = training_seed(problem.settings.seed, drawn.candidate_id)
    try:
        estimate = context.estimator.estimate(
            problem.candidate(values), seed=seed, report=reporter
        )
    except optuna.TrialPruned:
        reporter.store_as_duplicate_if_nothing_was_trained()
        raise
    except EstimateFailed as failure:
        _store_failure(trial, failure.kind, str(failure))
        raise
    except Interrupted:
        _store_failure(trial, "interrupted", INTERRUPTED)
        raise
    except DataError as error:
        _store_failure(trial, "data error", str(error))
        raise EstimateFailed("data error", str(error)) from error
    except (StorageInternalError, StorageError):
        raise  # not caused by the candidate: the worker waits for the server, or ends
    except Exception as error:
        raise _stored_crash(trial, error) from error
    finally:
        reporter.store()
    return _store_estimate(trial, estimate, context)


def _store_candidate(
    trial: optuna.Trial, values: Values, drawn: DrawnCandidate, context: TrialContext
) -> None:
    """Store what the trial is. The draw is stored last: with it, the trial can be repeated."""
    for key, value in context.problem.describe(values).items():
        trial.set_user_attr(key, value)
    trial.set_user_attr(records.WORKER, dict(context.worker))
    trial.set_user_attr(records.CANDIDATE_ID, context.problem.identify(values))
    trial.set_user_attr(records.DRAW, asdict(drawn.draw))


def _reuse(trial: optuna.Trial, drawn: DrawnCandidate) -> tuple[float, ...]:
    """Store and return the result of the trial that this one duplicates; fail as it failed."""
    duplicate = drawn.duplicate
    assert duplicate is not None
    origin = _origin(duplicate, drawn.duplicate_study)
    trial.set_user_attr(records.REUSED_FROM, origin)
    trial.set_user_attr(records.REASON, f"the same network and recipe as trial {origin}")
    trial.set_user_attr(records.METRICS, dict(duplicate.metrics))
    trial.set_user_attr(records.CURVE, [dict(step) for step in duplicate.curve])
    if len(duplicate.objectives) == 1:
        for step, value in duplicate.intermediate.items():
            trial.report(value, step)
    if duplicate.state == "failed":
        failure = duplicate.failure or Failure(kind="crash", text="")
        _store_failure(trial, failure.kind, failure.text, copied=True)
        raise EstimateFailed(failure.kind, failure.text)
    return duplicate.objectives


def _origin(duplicate: TrialRecord, study: str | None) -> int | str:
    if study is not None:
        return f"{study}/{duplicate.number}"
    return duplicate.number if duplicate.reused_from is None else duplicate.reused_from


def _stored_crash(trial: optuna.Trial, error: Exception) -> TrialCrashed | StorageError:
    """Store an unexpected exception and return the one to raise."""
    unwritable = disk_error(error)
    if unwritable is not None:  # other candidates would fail as well
        _store_failure(trial, "interrupted", unwritable)
        return StorageError(unwritable)
    _store_failure(trial, "crash", f"{type(error).__name__}: {error}")
    return TrialCrashed(str(error))


def _store_estimate(
    trial: optuna.Trial, estimate: Estimate, context: TrialContext
) -> tuple[float, ...]:
    costs = {
        key: trial.user_attrs[key]
        for key in (records.PARAMETERS, records.MACS)
        if key in trial.user_attrs
    }
    known = {**costs, **estimate.metrics}
    trial.set_user_attr(records.METRICS, dict(estimate.metrics))
    trial.set_user_attr(records.FACTS, {**context.facts, **estimate.facts})
    return tuple(float(known[measure.metric]) for measure in context.problem.settings.measures)


def _store_failure(trial: optuna.Trial, kind: str, text: str, *, copied: bool = False) -> None:
    failure = Failure(kind=kind, text=text[:1000], copied=copied)
    trial.set_user_attr(records.FAILURE, asdict(failure))


class _Reporter:
    """Receives every step of an estimate, stores it and asks the pruner."""

    def __init__(self, trial: optuna.Trial, drawn: DrawnCandidate, context: TrialContext) -> None:
        self._trial, self._drawn, self._context = trial, drawn, context
        self._measures = context.problem.settings.measures
        self._curve: list[dict[str, float]] = []
        self._scores: dict[int, float] = {}
        self._trained = 0
        self._seconds = 0.0

    def __call__(self, step: Step) -> None:
        """Store a step; raise ``TrialPruned`` where the pruner stops the trial."""
        if step.seconds is not None:
            self._trained += 1
            self._seconds += step.seconds
        loss = {} if step.train_loss is None else {"train_loss": step.train_loss}
        self._curve.append({**loss, **step.metrics})
        if self._context.problem.epochs:  # 0 for an estimator that trains no candidate
            self._trial.set_user_attr(records.EPOCHS, len(self._curve))
            self._trial.set_user_attr(records.RESTORED, len(self._curve) - self._trained)
        self._context.alive()
        if len(self._measures) == 1:
            self._report(step)

    def _report(self, step: Step) -> None:
        measure, problem = self._measures[0], self._context.problem
        value = step.metrics[measure.metric]
        self._trial.report(value, step.number)
        self._scores[step.number] = measure.sign * value
        sequence_index = self._drawn.draw.sequence_index
        if step.number <= self._drawn.draw.passed:
            return  # it passed when it was trained; the threshold may have moved since
        decision = problem.pruner.decide(
            Curve(
                sequence_index=sequence_index,
                scores=self._scores,
                minimised=not measure.maximise,
                ends=problem.epochs_of(self._drawn.values),
            ),
            self._context.curves(sequence_index),
            study=problem.settings.study,
            epochs=problem.epochs,
        )
        if decision.facts:
            self._trial.set_user_attr(records.DECISION, dict(decision.facts))
        if decision.stop:
            self._trial.set_user_attr(records.REASON, decision.reason)
            raise optuna.TrialPruned(decision.reason)

    def store(self) -> None:
        """Store the curve and the time, however the trial ends."""
        self._trial.set_user_attr(records.CURVE, self._curve)
        self._trial.set_user_attr(records.SECONDS, round(self._seconds, 4))

    def store_as_duplicate_if_nothing_was_trained(self) -> None:
        """Mark a pruned candidate that was pruned again before it trained an epoch."""
        duplicate = self._drawn.duplicate
        if duplicate is not None and self._trained == 0:
            self._trial.set_user_attr(
                records.REUSED_FROM, _origin(duplicate, self._drawn.duplicate_study)
            )
