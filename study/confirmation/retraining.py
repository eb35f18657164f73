"""Train candidates of a study again, in full, as trials of a linked study.

The first call creates the linked study, and every later call continues it. Its settings are those
of the original study, except for how candidates are found and how long they are trained.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import optuna

from study.common.errors import EvaluationError, ResumeError
from study.common.stop import Stop
from study.performance_estimation.training.train_estimator import TrainEstimator
from study.performance_estimation.training.training import Training
from study.running.study_data import estimator_context
from study.running.study_runner import StudyResult, run_study
from study.running.worker import StudyObserver
from study.search_space.candidate import Candidate
from study.settings.run_context import RunContext
from study.settings.study_settings import Plan, StudySettings
from study.storage.lifecycle import study_state
from study.storage.locks import holding, study_lock
from study.storage.opening import open_storage
from study.storage.records import TrialRecord, read_trials, training_seed
from study.storage.storage_errors import storage_errors
from study.storage.stored_study import SETTINGS, StoredStudy, open_study


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """Where and how trainings run."""

    run_context: RunContext
    workers: int = 1
    stop: Stop = field(default_factory=Stop)
    observers: tuple[StudyObserver, ...] = ()


def full_epochs(origin: StoredStudy) -> int | None:
    """Return the epochs of a full training; None if the space lets them vary.

    They are the study's, or the space's own if the study trained for fewer.
    """
    settings = origin.settings
    declared = origin.problem.declared
    longest, asked = declared.longest_training, settings.epochs or 0
    if declared.varying_length:
        return asked if asked > longest else None
    return max(longest, asked)


def trained_in_full(origin: StoredStudy) -> bool:
    """Return whether a study's values are those of full trainings on all images."""
    settings = origin.settings
    return (
        settings.estimator == "train"
        and settings.fraction == 1.0
        and settings.image_size is None
        and settings.epochs in (None, full_epochs(origin))
    )


def full_settings(origin: StoredStudy, **changes: Any) -> StudySettings:
    """Return the origin's settings for trainings in full, with these changes.

    Raises:
        EvaluationError: The candidates of the original study are not networks.
    """
    settings = origin.settings
    if not origin.problem.networks:
        raise EvaluationError(
            f"study '{settings.study}': the candidates of its table are not networks of this "
            "program and cannot be trained; read another row of the table instead"
        )
    whole = {
        "sampler": "random",
        "estimator": "train",
        "pruner": "none",
        "screen": None,
        "fraction": 1.0,
        "image_size": None,
        "precision": origin.environment.get("precision", settings.precision),
        "timeout": None,
        "epochs_budget": None,
        "keep": "all",
        "reuse": (),
        "warm_start": None,
        "plan": None,
        "candidates": None,
    }
    return settings.with_changes(**{**whole, **changes})


def retrain(settings: StudySettings, plan: Plan, resources: Resources) -> StudyResult:
    """Run every training of the plan that was not run yet.

    Args:
        settings: Of the linked study, from ``full_settings``, without the plan.

    Raises:
        StudyError: The linked study's name is taken, or its settings, data or versions differ.
    """
    settings = _settings_with(settings, plan, resources.run_context)
    try:
        return run_study(
            settings,
            resources.run_context,
            workers=resources.workers,
            stop=resources.stop,
            observers=resources.observers,
        )
    except ResumeError as error:
        raise ResumeError(
            f"{error}\n(it holds the trainings of '{plan.kind} {plan.origin}'; to train them "
            f"again, delete it first: run_study.py delete {settings.study})"
        ) from error


def _settings_with(settings: StudySettings, plan: Plan, run_context: RunContext) -> StudySettings:
    """Return the settings with the plan, and write the plan into the linked study if it exists.

    A plan may differ from the earlier one: more seeds, or other candidates after the search
    continued. Runs outside the new plan stay stored and are ignored.
    """
    with storage_errors(run_context.url):
        known = optuna.get_all_study_names(open_storage(run_context.url))
    if settings.study not in known:
        return _planned(settings, plan, other_runs=0)
    stored = open_study(settings.study, run_context.url)
    _check_linked(stored, plan)
    lock = study_lock(stored.study._storage, run_context.url, settings.study)
    with holding(lock), storage_errors(run_context.url):
        keys = {run.key for run in plan.trainings()}
        state = study_state(_trials(stored), retries=settings.retries)
        others = sum(record.training not in keys for record in state.latest.values())
        wanted = _planned(settings, plan, other_runs=others)
        with_plan = _planned(stored.settings, plan, other_runs=others)
        stored.study.set_user_attr(SETTINGS, with_plan.model_dump_json())
    return wanted


def _planned(settings: StudySettings, plan: Plan, *, other_runs: int) -> StudySettings:
    return settings.with_changes(plan=plan, trials=len(plan.trainings()) + other_runs)


def _check_linked(stored: StoredStudy, plan: Plan) -> None:
    found = stored.settings.plan
    if found is None or (found.kind, found.origin) != (plan.kind, plan.origin):
        raise EvaluationError(
            f"study '{stored.settings.study}' exists already and does not belong to the "
            f"'{plan.kind}' of '{plan.origin}', whose trainings have that name; delete it, or "
            "use another storage"
        )


def _trials(stored: StoredStudy) -> list[TrialRecord]:
    return read_trials(stored.study.get_trials(deepcopy=False))


def completed_runs(stored: StoredStudy) -> dict[str, dict[int, TrialRecord]]:
    """Return the plan's runs that completed: candidate → index of the seed → trial."""
    plan = stored.settings.plan
    keys = set() if plan is None else {run.key for run in plan.trainings()}
    with storage_errors(stored.url):
        state = study_state(_trials(stored), retries=stored.settings.retries)
    runs: dict[str, dict[int, TrialRecord]] = {}
    for record in state.latest.values():
        candidate, repeat = record.training
        if record.state == "complete" and repeat is not None and record.training in keys:
            runs.setdefault(candidate, {})[repeat] = record
    return {candidate: dict(sorted(found.items())) for candidate, found in runs.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Networks:
    """The trained networks of a stored study.

    Args:
        stored: The study; its estimator is a full training.
    """

    stored: StoredStudy
    estimator: TrainEstimator

    @classmethod
    def of(cls, stored: StoredStudy, run_context: RunContext) -> Networks:
        """Load the study's images and find its checkpoints.

        Raises:
            EvaluationError: The study does not train its candidates.
        """
        context = estimator_context(stored, run_context, stop=Stop())
        estimator = stored.problem.estimator.make(context)
        if not isinstance(estimator, TrainEstimator):
            raise EvaluationError(
                f"study '{stored.settings.study}' trains no network of its own (estimator "
                f"'{stored.settings.estimator}'); run 'confirm {stored.settings.study}' first"
            )
        return cls(stored=stored, estimator=estimator)

    def available(self, record: TrialRecord) -> bool:
        """Return whether the network of a complete trial is stored here as a checkpoint."""
        path = self.estimator.checkpoint_path(self.candidate(record), seed=self.seed(record))
        return path is not None and path.exists()

    def training(self, record: TrialRecord) -> Training:
        """Return the training of a complete trial from its checkpoint, or train it again.

        A worker on another machine may have kept its checkpoints there. The same candidate, seed
        and data give the same network, on the same machine to the last bit.
        """
        return self.estimator.train(self.candidate(record), seed=self.seed(record))

    def seed(self, record: TrialRecord) -> int:
        """Return the training seed of a complete trial, also of one reused from another study."""
        if record.reused_from is None:
            return seed_of(record)
        return training_seed(self.stored.settings.seed, record.candidate_id)

    def candidate(self, record: TrialRecord) -> Candidate:
        return self.stored.problem.candidate(record.params)


def seed_of(record: TrialRecord) -> int:
    """Return the training seed of a complete trial that trained."""
    return int(record.facts["seed"])
