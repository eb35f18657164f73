"""A stored study → the worker that goes on with it: every part made and joined here."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from study.common.artifact_path import ArtifactPath
from study.common.machine import choose_device
from study.common.stop import Stop
from study.dashboard.pictures import trial_pictures
from study.objective import TrialContext
from study.performance_estimation.estimator import (
    Estimator,
    EstimatorContext,
    Fidelity,
    Interrupted,
)
from study.performance_estimation.latency import METRIC, WithLatency
from study.performance_estimation.registry import make_estimator
from study.running.candidate_source.draw import CandidateSource, Source
from study.running.candidate_source.planned_source import PlannedSource
from study.running.candidate_source.preparing import preparation
from study.running.candidate_source.promotion import with_promotion
from study.running.candidate_source.screening import with_screen
from study.running.study_data import load_data
from study.running.worker import Trials, Worker, curves_of_others
from study.search_strategy.pruner import Curve
from study.settings.problem import Problem
from study.settings.run_context import RunContext
from study.settings.study_settings import StudySettings
from study.storage.checkpoints import needed, study_folder, tidy
from study.storage.ledger import LedgerEntry
from study.storage.lifecycle import StudyState
from study.storage.locks import study_lock
from study.storage.processes import identity
from study.storage.stored_study import TOKEN, StoredStudy, refuse_strangers, versions
from study.transfer.fork import forked_observations, forked_results
from study.transfer.observations import below_zero
from study.transfer.reuse import reusable_results
from study.transfer.warm_start import warm_observations


def make_worker(stored: StoredStudy, run_context: RunContext, *, stop: Stop) -> Worker:
    """Return the loop of this process on a stored study."""
    settings, problem = stored.settings, stored.problem
    who = identity(run_context.label)
    ledger = LedgerEntry(stored.study, who)
    ledger.write()
    trials = Trials(stored.study)
    context = estimator_context(stored, run_context, stop=stop)
    estimator = make_estimator(settings.estimator, context)

    def alive() -> None:
        ledger.tick()
        if stop():
            raise Interrupted

    source = with_screen(_source(stored), stored, context, alive=alive)
    source = with_promotion(source, problem, context)
    return Worker(
        study=stored.study,
        url=run_context.url,
        lock=study_lock(stored.study._storage, run_context.url, settings.study),
        source=source,
        prepare=preparation(estimator, source, stored.study, alive=alive),
        context=TrialContext(
            problem=problem,
            estimator=with_costs(estimator, settings, context),
            curves=_curves(problem, trials),
            worker=who,
            facts=versions(),
            alive=alive,
        ),
        trials=trials,
        budget=settings.budget,
        retries=settings.retries,
        ledger=ledger,
        stop=stop,
        tidy=_tidying(problem, checkpoints(stored, run_context)),
        pictures=trial_pictures(stored, run_context.artifacts),
    )


def _curves(problem: Problem, trials: Trials) -> Callable[[int], Sequence[Curve]]:
    if not problem.pruner.stops:
        return lambda _: ()
    sign = 1.0 if problem.settings.measures[0].maximise else -1.0
    return curves_of_others(trials, sign=sign, retries=problem.settings.retries)


def checkpoints(stored: StoredStudy, run_context: RunContext) -> ArtifactPath:
    """Return the folder of a study's checkpoints."""
    return (
        study_folder(run_context.artifacts, run_context.url, stored.settings.study) / "checkpoints"
    )


def stored_estimator(stored: StoredStudy, run_context: RunContext, *, stop: Stop) -> Estimator:
    """Return what scores the candidates of a stored study, its images loaded."""
    return make_estimator(
        stored.settings.estimator, estimator_context(stored, run_context, stop=stop)
    )


def estimator_context(
    stored: StoredStudy, run_context: RunContext, *, stop: Stop
) -> EstimatorContext:
    """Return what the estimators of a stored study are built for, its images loaded."""
    settings, problem = stored.settings, stored.problem
    data, described = load_data(settings, run_context)
    refuse_strangers(stored, described)
    return EstimatorContext(
        space=problem.space,
        image=problem.image,
        data=data,
        fidelity=Fidelity(fraction=settings.fraction, image_size=settings.image_size),
        precision=stored.environment.get("precision", "float32"),
        device=choose_device(run_context.device),
        seed=settings.seed,
        folder=checkpoints(stored, run_context),
        origin=f"{settings.sampler} {stored.study.user_attrs.get(TOKEN, '')}",
        policy=problem.sampler.learns_policy,
        seeds_apart=settings.plan is not None,
        interrupted=stop,
    )


def with_costs(
    estimator: Estimator, settings: StudySettings, context: EstimatorContext
) -> Estimator:
    """Return the estimator, with the latency measured too where that is an objective."""
    if all(measure.key != METRIC for measure in settings.measures):
        return estimator
    assert context.device is not None
    return WithLatency(estimator=estimator, image=context.image, device=context.device)


def _tidying(problem: Problem, folder: ArtifactPath) -> Callable[[StudyState], None]:
    """Return what removes the checkpoints that are no longer needed."""

    def clean(state: StudyState) -> None:
        ids = needed(
            state,
            keep=problem.settings.keep,
            measures=problem.settings.measures,
            may_go_on=problem.pruner.stops,
        )
        tidy(folder, ids)

    return clean


def stored_source(stored: StoredStudy) -> Source:
    """Return what drew the candidates of a stored study, without its images: for looking only."""
    context = EstimatorContext(space=stored.problem.space, image=stored.image)
    return with_screen(_source(stored), stored, context, alive=lambda: None)


def _source(stored: StoredStudy) -> Source:
    settings, problem = stored.settings, stored.problem
    if settings.plan is not None:
        return PlannedSource(plan=settings.plan, seed=settings.seed)
    return CandidateSource(
        points=problem,
        space=problem.sampled_space,
        strategy=problem.sampler.make(problem.strategy_context),
        seed=settings.seed,
        budget=settings.trials,
        measures=settings.measures,
        closed=settings.candidates is not None,
        known={**reusable_results(stored).known, **forked_results(stored)},
        prior=below_zero((*warm_observations(stored), *forked_observations(stored))),
    )
