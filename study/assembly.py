"""A stored study → the worker that goes on with it: every part made and joined here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import lru_cache
from typing import Any

from study.checkpoints import needed, study_folder, tidy
from study.config import StudySettings
from study.draw import CandidateSource, full_range
from study.ledger import LedgerEntry
from study.lifecycle import Standing
from study.locks import study_lock
from study.objective import TrialSetup
from study.performance_estimation.estimator import Fidelity
from study.performance_estimation.estimators import EstimatorSetup, make_estimator
from study.performance_estimation.failures import Interrupted
from study.processes import identity
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
    settings, image = stored.settings, stored.image
    data, _ = load_data(settings, place)
    device = choose_device(place.device)
    space = settings.space(image)
    folder = study_folder(place.artifacts, place.url, settings.study)
    estimator = make_estimator(
        settings.estimator,
        EstimatorSetup(
            space=space,
            image=image,
            data=data,
            fidelity=Fidelity(fraction=settings.fraction, image_size=settings.image_size),
            precision=stored.environment.get("precision", "float32"),
            device=device,
            seed=settings.seed,
            folder=folder / "checkpoints",
            interrupted=stop,
        ),
    )
    who = identity(place.label)
    ledger = LedgerEntry(stored.study, who)
    ledger.write()
    trials = Trials(stored.study)
    sign = 1.0 if settings.measures[0].maximise else -1.0

    @lru_cache(maxsize=65536)
    def _identify(key: tuple[tuple[str, Any], ...]) -> str:
        return candidate_id(space.candidate(dict(key)), image)

    def identify(values: Values) -> str:
        return _identify(tuple(values.items()))

    def alive() -> None:
        ledger.tick()
        if stop():
            raise Interrupted

    def clean(state: Standing) -> None:
        ids = needed(
            state,
            keep=settings.keep,
            measures=settings.measures,
            may_go_on=settings.pruner.partition(",")[0] != "none",
        )
        tidy(folder / "checkpoints", ids)

    return Worker(
        study=stored.study,
        url=place.url,
        lock=study_lock(stored.study._storage, place.url, settings.study),
        source=candidate_source(stored, identify=identify),
        setup=TrialSetup(
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
            worker=who,
            facts={key: stored.environment[key] for key in ("libraries", "code", "numeric")},
            alive=alive,
        ),
        trials=trials,
        budget=settings.budget,
        retries=settings.retries,
        ledger=ledger,
        stop=stop,
        tidy=clean,
    )


def candidate_source(
    stored: StoredStudy, *, identify: Callable[[Values], str] | None = None
) -> CandidateSource:
    """Return what draws the candidates of a stored study."""
    settings, image = stored.settings, stored.image
    space = settings.space(image)
    if not settings.sampler.startswith("grid"):
        space = full_range(space)

    def name(values: Values) -> str:
        return candidate_id(space.candidate(values), image)

    @lru_cache(maxsize=1)
    def distinct() -> Mapping[str, Values] | None:
        return distinct_candidates(space, image)

    return CandidateSource(
        space=space,
        identify=identify or name,
        allows=lambda values: space.allows(values, image),
        strategy=make_strategy(settings.sampler, sampler_setup(settings, space, image)),
        seed=settings.seed,
        budget=settings.trials,
        measures=settings.measures,
        distinct=distinct,
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
