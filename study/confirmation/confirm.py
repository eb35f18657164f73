"""``run_study.py confirm``: train the best candidates again with fresh seeds and choose one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from study.common.errors import EvaluationError
from study.common.formats import describe_metric
from study.common.stored_form import to_stored
from study.confirmation.judge import (
    OVER_CLASSES,
    ImageValues,
    confirm_candidates,
    confirmation,
    image_values,
)
from study.confirmation.result import Confirmation
from study.confirmation.retraining import (
    Networks,
    Resources,
    completed_runs,
    full_epochs,
    full_settings,
    retrain,
    seed_of,
    trained_in_full,
)
from study.network.forward import class_scores, normalise
from study.results.ranking import pareto_front
from study.running.study_data import load_data
from study.running.study_runner import StudyResult
from study.search_space.resolve import resolve
from study.settings.metrics import MEASURES, Measure
from study.settings.problem import Problem
from study.settings.study_settings import Plan, PlannedCandidate, StudySettings
from study.storage.records import TrialRecord, read_trials
from study.storage.storage_errors import storage_errors
from study.storage.stored_study import CONFIRMATION, StoredStudy, open_study


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmationRun:
    """Output of one call of ``confirm``.

    Args:
        result: None if the trainings were interrupted.
        trainings: The linked study.
        fewer: Number of candidates, if it is less than the requested one.
    """

    result: Confirmation | None
    trainings: StudyResult
    fewer: int | None = None


def confirm(
    name: str, resources: Resources, *, top: int, seeds: int, epochs: int | None = None
) -> ConfirmationRun:
    """Train the best candidates of a study again, choose by all runs, and store the result.

    Args:
        name: The study that searched.
        top: Number of candidates to train again.
        seeds: Number of fresh seeds for each.
        epochs: Epochs of a full training; by default the search's, or the space's own if the
            search trained for fewer.

    Raises:
        StudyError: The study does not exist, has nothing to confirm, or no run completed.
    """
    origin = open_study(name, resources.run_context.url)
    settings = _settings(origin, epochs)
    plan = _plan(origin, settings, resources, top=top, seeds=seeds)
    trainings = retrain(settings, plan, resources)
    fewer = len(plan.candidates) if len(plan.candidates) < top else None
    if trainings.work.ending == "interrupted":
        return ConfirmationRun(result=None, trainings=trainings, fewer=fewer)
    result = _judge(plan, trainings, resources)
    with storage_errors(resources.run_context.url):
        origin.study.set_user_attr(CONFIRMATION, to_stored(result))
    return ConfirmationRun(result=result, trainings=trainings, fewer=fewer)


def _settings(origin: StoredStudy, epochs: int | None) -> StudySettings:
    """Return the linked study's settings."""
    settings = origin.settings
    if settings.plan is not None:
        raise EvaluationError(
            f"study '{settings.study}' holds the trainings of '{settings.plan.kind} "
            f"{settings.plan.origin}'; confirm '{settings.plan.origin}' instead"
        )
    full = full_epochs(origin)
    name = f"{settings.study}-confirm"
    if epochs is not None and epochs != full:
        name, full = f"{name}-epochs{epochs}", epochs
    return full_settings(origin, study=name, objectives=(_quality(settings)[0],), epochs=full)


def _quality(settings: StudySettings) -> tuple[str, Measure, int]:
    """Return the confirmed objective: its name, its measure and its index among the objectives.

    It is the first objective that a training measures, or else accuracy (ranked by the first).
    """
    for index, (name, measure) in enumerate(
        zip(settings.objectives, settings.measures, strict=True)
    ):
        if measure.metric.startswith("val_"):
            return name, measure, index
    return "accuracy", MEASURES["accuracy"], 0


def _plan(
    origin: StoredStudy, settings: StudySettings, resources: Resources, *, top: int, seeds: int
) -> Plan:
    _, described = load_data(settings, resources.run_context, interrupted=resources.stop)
    problem = Problem.for_data(settings, described)
    comparable = trained_in_full(origin) and settings.epochs in (None, full_epochs(origin))
    chosen: dict[str, PlannedCandidate] = {}
    for found in _best(origin, top):
        identity = problem.identify(found.params)
        seen = found.search_value if comparable else None
        chosen.setdefault(identity, replace(found, candidate_id=identity, search_value=seen))
    return Plan(
        kind="confirm",
        origin=origin.settings.study,
        candidates=tuple(chosen.values()),
        repeats=seeds,
    )


def _best(origin: StoredStudy, top: int) -> list[PlannedCandidate]:
    """Return the best candidates: of several objectives those on the Pareto front.

    Their search value is the confirmed measure, even if the search ranked by another one.
    """
    settings = origin.settings
    with storage_errors(origin.url):
        records: Sequence[TrialRecord] = read_trials(origin.study.get_trials(deepcopy=False))
    _, confirmed, index = _quality(settings)
    if len(settings.measures) > 1:
        front = pareto_front(records, settings.measures)
        records = [replace(r, objectives=(r.objectives[index],)) for r in front]
    best = confirm_candidates(records, top=top, maximise=settings.measures[index].maximise)
    seen = {record.number: record.metrics.get(confirmed.metric) for record in records}
    return [replace(candidate, search_value=seen[candidate.number]) for candidate in best]


def _judge(plan: Plan, trainings: StudyResult, resources: Resources) -> Confirmation:
    settings = trainings.stored.settings
    measure, runs = settings.measures[0], completed_runs(trainings.stored)
    fresh = {
        candidate: {seed_of(record): record.objectives[0] for record in found.values()}
        for candidate, found in runs.items()
    }
    by_seeds = confirmation(plan.candidates, fresh, measure=measure, study=settings.study)
    two = [c.candidate_id for c in by_seeds.candidates[:2]]
    images = _image_values(
        measure, {name: runs[name] for name in two}, trainings.stored, resources
    )
    if images is None:
        return by_seeds
    return confirmation(
        plan.candidates, fresh, measure=measure, study=settings.study, images=images
    )


def _image_values(
    measure: Measure,
    runs: Mapping[str, Mapping[int, TrialRecord]],
    stored: StoredStudy,
    resources: Resources,
) -> ImageValues | None:
    """Return the contribution of each validation image to the runs of the first two candidates.

    Returns:
        None if there is no second candidate, the measure is not a mean over images, or a network
        is not stored here.
    """
    networks = Networks.of(stored, resources.run_context)
    records = [record for found in runs.values() for record in found.values()]
    if len(runs) < 2 or not all(networks.available(record) for record in records):
        return None
    labels = networks.estimator.data.val_labels.cpu().numpy()
    values: dict[str, dict[int, NDArray[np.float64]]] = {}
    for candidate, found in runs.items():
        for record in found.values():
            own = image_values(measure.metric, _val_scores(networks, record), labels)
            if own is None:
                return None
            values.setdefault(candidate, {})[seed_of(record)] = own
    return ImageValues(
        metric=describe_metric(measure.metric),
        labels=labels,
        values=values,
        average="classes" if measure.metric in OVER_CLASSES else "images",
    )


def _val_scores(networks: Networks, record: TrialRecord) -> NDArray[np.float32]:
    training = networks.training(record)
    stack = resolve(networks.candidate(record).architecture, networks.stored.image)
    scores = class_scores(
        training.network, networks.estimator.data.val_images, stack=stack, feed=normalise
    )
    return scores.numpy()
