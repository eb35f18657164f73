"""A stored study → the worker that goes on with it: every part made and joined here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from study.checkpoints import needed, study_folder, tidy
from study.config import StudySettings
from study.draw import CandidateSource, Source, full_range
from study.ledger import LedgerEntry
from study.lifecycle import Standing
from study.locks import study_lock
from study.objective import TrialSetup
from study.performance_estimation.estimator import Estimator, Fidelity
from study.performance_estimation.estimators import EstimatorSetup, make_estimator
from study.performance_estimation.failures import Interrupted
from study.planned_source import PlannedSource
from study.processes import identity
from study.screening import with_screen
from study.screening import with_screen
from study.search_space.candidate import ImageFormat, Values
from study.search_space.distinct import distinct_candidates
from study.search_space.resolve import candidate_id, complexity, resolve
from study.search_space.space import SearchSpace
from study.search_strategy.pruners import make_pruner
from study.search_strategy.sampler_spec import Setup
from study.search_strategy.samplers import make_strategy
from study.stopping import Stop
from study.stored_study import StoredStudy
from study.surroundings import Place, choose_device, load_data
from study.worker import Trials, Worker, curves_of_others


def make_worker(stored: StoredStudy, place: Place, *, stop: Stop) -> Worker:
    """Return the loop of this process on a stored study."""
    settings = stored.settings
    who = identity(place.label)
    ledger = LedgerEntry(stored.study, who)
    ledger.write()
    trials = Trials(stored.study)
    identify = _identify(settings.space(stored.image), stored.image)
    making = estimator_setup(stored, place, stop=stop)
    estimator = make_estimator(settings.estimator, making)

    def alive() -> None:
        ledger.tick()
        if stop():
            raise Interrupted

    return Worker(
        study=stored.study,
        url=place.url,
        lock=study_lock(stored.study._storage, place.url, settings.study),
        source=with_screen(_source(stored, identify), stored, making, alive=alive),
        setup=replace(
            _trial_setup(stored, estimator, trials, identify=identify), worker=who, alive=alive
        ),
        trials=trials,
        budget=settings.budget,
        retries=settings.retries,
        ledger=ledger,
        stop=stop,
        tidy=_tidying(settings, checkpoints(stored, place)),
    )


def checkpoints(stored: StoredStudy, place: Place) -> Path:
    """Return the folder of a study's checkpoints."""
    return study_folder(place.artifacts, place.url, stored.settings.study) / "checkpoints"


def stored_estimator(stored: StoredStudy, place: Place, *, stop: Stop) -> Estimator:
    """Return what scores the candidates of a stored study, its images loaded."""
    return make_estimator(stored.settings.estimator, estimator_setup(stored, place, stop=stop))


def estimator_setup(stored: StoredStudy, place: Place, *, stop: Stop) -> EstimatorSetup:
    """Return what the estimators of a stored study are built for, its images loaded."""
    settings, image = stored.settings, stored.image
    data, _ = load_data(settings, place)
    return EstimatorSetup(
        space=settings.space(image),
        image=image,
        data=data,
        fidelity=Fidelity(fraction=settings.fraction, image_size=settings.image_size),
        precision=stored.environment.get("precision", "float32"),
        device=choose_device(place.device),
        seed=settings.seed,
        folder=checkpoints(stored, place),
        seeds_apart=settings.plan is not None,
        interrupted=stop,
    )


def _trial_setup(
    stored: StoredStudy,
    estimator: Estimator,
    trials: Trials,
    *,
    identify: Callable[[Values], str],
) -> TrialSetup:
    settings, image = stored.settings, stored.image
    space = settings.space(image)
    sign = 1.0 if settings.measures[0].maximise else -1.0
    return TrialSetup(
        study_name=settings.study,
        seed=settings.seed,
        space=space,
        candidate=space.candidate,
        identify=identify,
        describe=lambda values: describe(space, values, image),
        estimator=estimator,
        measures=settings.measures,
        pruner=make_pruner(settings.pruner, epochs=longest_training(space)),
        epochs=longest_training(space),
        curves=curves_of_others(trials, sign=sign, retries=settings.retries),
        worker={},
        facts={key: stored.environment[key] for key in ("libraries", "code", "numeric")},
    )


def _identify(space: SearchSpace, image: ImageFormat) -> Callable[[Values], str]:
    """Return a function that names the candidate of a point, and remembers."""

    @lru_cache(maxsize=65536)
    def named(key: tuple[tuple[str, Any], ...]) -> str:
        return candidate_id(space.candidate(dict(key)), image)

    return lambda values: named(tuple(values.items()))


def _tidying(settings: StudySettings, folder: Path) -> Callable[[Standing], None]:
    """Return what removes the checkpoints that are no longer needed."""

    def clean(state: Standing) -> None:
        ids = needed(
            state,
            keep=settings.keep,
            measures=settings.measures,
            may_go_on=settings.pruner.partition(",")[0] != "none",
        )
        tidy(folder, ids)

    return clean


def _source(stored: StoredStudy, identify: Callable[[Values], str]) -> Source:
    if stored.settings.plan is not None:
        return PlannedSource(plan=stored.settings.plan, seed=stored.settings.seed)
    return candidate_source(stored, identify=identify)


def candidate_source(
    stored: StoredStudy, *, identify: Callable[[Values], str] | None = None
) -> CandidateSource:
    """Return what draws the candidates of a stored study."""
    settings, image = stored.settings, stored.image
    space = settings.space(image)
    if not settings.sampler.startswith("grid"):
        space = full_range(space)

    @lru_cache(maxsize=1)
    def distinct() -> Mapping[str, Values] | None:
        return distinct_candidates(space, image)

    return CandidateSource(
        space=space,
        identify=identify or _identify(space, image),
        allows=lambda values: space.allows(values, image),
        strategy=make_strategy(settings.sampler, sampler_setup(settings, space, image)),
        seed=settings.seed,
        budget=settings.trials,
        measures=settings.measures,
        distinct=distinct,
        closed=settings.closed,
    )


def sampler_setup(settings: StudySettings, space: SearchSpace, image: ImageFormat) -> Setup:
    """Return what a strategy is built for."""
    return Setup(
        space=space,
        budget=settings.trials,
        pruner=settings.pruner.partition(",")[0],
        objectives=len(settings.objectives),
        image=image,
        seed=settings.seed,
    )


def describe(space: SearchSpace, values: Values, image: ImageFormat) -> dict[str, Any]:
    """Return what is stored of a candidate before it is scored."""
    stack = resolve(space.candidate(values).architecture, image)
    counts = complexity(stack)
    return {
        "architecture": asdict(stack),
        "parameters": counts.parameters,
        "macs": counts.macs,
        "conv_macs": counts.conv_macs,
    }


def longest_training(space: SearchSpace) -> int:
    """Return the epochs of the longest training in the space."""
    parameter = space.by_name.get("epochs")
    if parameter is None:
        return space.candidate({}).recipe.epochs
    values = parameter.values()
    return int(max(values)) if values else 1
