"""The estimator of a stored study, for this process and its device."""

from __future__ import annotations

from study.common.artifact_path import ArtifactPath
from study.common.machine import choose_device
from study.common.stop import Stop
from study.performance_estimation.estimator import Estimator, EstimatorContext
from study.performance_estimation.latency import METRIC, WithLatency
from study.running.study_data import load_data
from study.settings.run_context import RunContext
from study.storage.checkpoints import study_folder
from study.storage.stored_study import TOKEN, StoredStudy, validate_worker


def checkpoints(stored: StoredStudy, run_context: RunContext) -> ArtifactPath:
    """Return the folder of a study's checkpoints."""
    folder = study_folder(run_context.artifacts, run_context.url, stored.settings.study)
    return folder / "checkpoints"


def stored_estimator(stored: StoredStudy, run_context: RunContext, *, stop: Stop) -> Estimator:
    """Return the estimator of a stored study, with its images loaded."""
    context = estimator_context(stored, run_context, stop=stop)
    return stored.problem.estimator.make(context)


def estimator_context(
    stored: StoredStudy, run_context: RunContext, *, stop: Stop
) -> EstimatorContext:
    """Return the context of a stored study's estimator, with its images loaded.

    Raises:
        ResumeError: Data, code or libraries of this process are not those of the study.
    """
    settings, problem = stored.settings, stored.problem
    data, described = load_data(settings, run_context)
    validate_worker(stored, described)
    return EstimatorContext(
        space=problem.space,
        image=problem.image,
        data=data,
        fraction=settings.fraction,
        precision=stored.environment.get("precision", "float32"),
        device=choose_device(run_context.device),
        seed=settings.seed,
        folder=checkpoints(stored, run_context),
        origin=f"{settings.sampler} {stored.study.user_attrs.get(TOKEN, '')}",
        learns_policy=problem.sampler.learns_policy,
        several_seeds=settings.plan is not None,
        interrupted=stop,
    )


def with_latency(
    estimator: Estimator, stored: StoredStudy, context: EstimatorContext
) -> Estimator:
    """Return an estimator that measures the latency as well, where that is an objective."""
    if all(measure.metric != METRIC for measure in stored.settings.measures):
        return estimator
    assert context.device is not None
    return WithLatency(estimator=estimator, image=context.image, device=context.device)
