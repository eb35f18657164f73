"""A stored study → the worker that goes on with it: every part made and joined here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from study.common.artifact_path import ArtifactPath
from study.common.stop import Stop
from study.dashboard.pictures import trial_pictures
from study.objective import TrialContext
from study.performance_estimation.estimator import Estimator, Fidelity
from study.performance_estimation.failures import Interrupted
from study.performance_estimation.latency import METRIC, WithLatency
from study.performance_estimation.registry import EstimatorContext, make_estimator
from study.running.candidate_source.draw import CandidateSource, Source
from study.running.candidate_source.planned_source import PlannedSource
from study.running.candidate_source.preparing import POLICIES, preparation, sampler_name
from study.running.candidate_source.promotion import with_promotion
from study.running.candidate_source.screening import with_screen
from study.running.worker import Trials, Worker, curves_of_others
from study.search_space.candidate import ImageFormat, Values
from study.search_space.distinct import ungridded
from study.search_space.space import SearchSpace
from study.search_strategy.pruners.registry import make_pruner
from study.search_strategy.registry import make_strategy
from study.search_strategy.sampler_spec import StrategyContext
from study.settings.context import RunContext, choose_device, load_data
from study.settings.problem import points_of
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
    settings, image = stored.settings, stored.image
    who = identity(run_context.label)
    ledger = LedgerEntry(stored.study, who)
    ledger.write()
    trials = Trials(stored.study)
    identify = points_of(settings, image).identify
    making = estimator_context(stored, run_context, stop=stop)
    estimator = make_estimator(settings.estimator, making)
    scoring = with_costs(estimator, settings, making)

    def alive() -> None:
        ledger.tick()
        if stop():
            raise Interrupted

    source = with_screen(_source(stored, identify), stored, making, alive=alive)
    source = with_promotion(source, settings, making, epochs=points_of(settings, image).epochs)
    return Worker(
        study=stored.study,
        url=run_context.url,
        lock=study_lock(stored.study._storage, run_context.url, settings.study),
        source=source,
        prepare=preparation(estimator, source, stored.study, alive=alive),
        context=replace(
            _trial_context(stored, scoring, trials, identify=identify),
            worker=who,
            alive=alive,
        ),
        trials=trials,
        budget=settings.budget,
        retries=settings.retries,
        ledger=ledger,
        stop=stop,
        tidy=_tidying(settings, checkpoints(stored, run_context)),
        pictures=trial_pictures(stored, run_context.artifacts),
    )


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
    settings, image = stored.settings, stored.image
    data, described = load_data(settings, run_context)
    refuse_strangers(stored, described)
    return EstimatorContext(
        space=settings.space(image),
        image=image,
        data=data,
        fidelity=Fidelity(fraction=settings.fraction, image_size=settings.image_size),
        precision=stored.environment.get("precision", "float32"),
        device=choose_device(run_context.device),
        seed=settings.seed,
        folder=checkpoints(stored, run_context),
        origin=f"{settings.sampler} {stored.study.user_attrs.get(TOKEN, '')}",
        policy=sampler_name(settings) in POLICIES,
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


def _trial_context(
    stored: StoredStudy,
    estimator: Estimator,
    trials: Trials,
    *,
    identify: Callable[[Values], str],
) -> TrialContext:
    settings, image = stored.settings, stored.image
    space, points = settings.space(image), points_of(settings, image)
    sign = 1.0 if settings.measures[0].maximise else -1.0
    return TrialContext(
        study_name=settings.study,
        seed=settings.seed,
        space=space,
        candidate=space.candidate,
        identify=identify,
        describe=lambda values: points.describe(values),
        estimator=estimator,
        measures=settings.measures,
        pruner=make_pruner(settings.pruner, epochs=points.epochs),
        epochs=points.epochs,
        ends=points.ends,
        curves=(
            curves_of_others(trials, sign=sign, retries=settings.retries)
            if settings.pruner.partition(",")[0] != "none"
            else lambda _: ()
        ),
        worker={},
        facts=versions(),
        refusal=points.refusal,
    )


def _tidying(settings: StudySettings, folder: ArtifactPath) -> Callable[[StudyState], None]:
    """Return what removes the checkpoints that are no longer needed."""

    def clean(state: StudyState) -> None:
        ids = needed(
            state,
            keep=settings.keep,
            measures=settings.measures,
            may_go_on=settings.pruner.partition(",")[0] != "none",
        )
        tidy(folder, ids)

    return clean


def stored_source(stored: StoredStudy) -> Source:
    """Return what drew the candidates of a stored study, without its images: for looking only."""
    settings, image = stored.settings, stored.image
    source = _source(stored, points_of(settings, image).identify)
    context = EstimatorContext(space=settings.space(image), image=image)
    return with_screen(source, stored, context, alive=lambda: None)


def _source(stored: StoredStudy, identify: Callable[[Values], str]) -> Source:
    if stored.settings.plan is not None:
        return PlannedSource(plan=stored.settings.plan, seed=stored.settings.seed)
    source = candidate_source(stored, identify=identify)
    return replace(source, known={**reusable_results(stored).known, **forked_results(stored)})


def candidate_source(
    stored: StoredStudy, *, identify: Callable[[Values], str] | None = None
) -> CandidateSource:
    """Return what draws the candidates of a stored study."""
    settings, image = stored.settings, stored.image
    space, points = settings.space(image), points_of(settings, image)
    if not settings.sampler.startswith("grid"):
        space = ungridded(space)
    return CandidateSource(
        space=space,
        identify=identify or points.identify,
        allows=lambda values: space.allows(values, image),
        strategy=make_strategy(settings.sampler, strategy_context(settings, space, image)),
        seed=settings.seed,
        budget=settings.trials,
        measures=settings.measures,
        distinct=points.distinct,
        closed=settings.closed,
        prior=below_zero((*warm_observations(stored), *forked_observations(stored))),
    )


def strategy_context(
    settings: StudySettings, space: SearchSpace, image: ImageFormat
) -> StrategyContext:
    """Return what a strategy is built for."""
    points = points_of(settings, image)
    return StrategyContext(
        space=space,
        budget=settings.trials,
        pruner=settings.pruner.partition(",")[0],
        objectives=len(settings.objectives),
        image=points.image,
        identity=None if points.image else points.identify,
        seed=settings.seed,
    )
