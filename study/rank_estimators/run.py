"""``rank-estimators``: train a sample in full, run every estimator on it, and rank.

The trainings are ordinary studies of one list of candidates. What they hold is not trained again:
an interrupted run continues where it stopped, and one more estimator costs that estimator alone. A
shorter training, or one on fewer or smaller images, makes another candidate of the same point, so
the studies are matched by sequence index.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Annotated, Any, ClassVar

from pydantic import Field, TypeAdapter
from pydantic.dataclasses import dataclass as options_dataclass

from study.common.choices import parse_choice, registry_of, split_choice
from study.common.errors import EvaluationError, SettingsError
from study.common.formats import counted
from study.common.stop import Stop
from study.performance_estimation.registry import parse_estimator
from study.rank_estimators.ranking import EstimatorRanking, ScoredSample, TrainedCandidate, rank
from study.rank_estimators.stratified_sample import (
    SMALLEST_SAMPLE,
    check_sample_size,
    stratified_sample,
)
from study.running.study_data import load_data
from study.running.study_runner import StudyResult, run_study
from study.running.worker import StudyObserver
from study.search_space.candidate import ImageFormat, Values
from study.search_space.resolve import candidate_id
from study.settings.problem import Problem
from study.settings.run_context import RunContext
from study.settings.study_settings import StudySettings, make_settings
from study.settings.validation import validate
from study.storage.costs import read_costs
from study.storage.records import TrialRecord
from study.storage.storage_errors import storage_errors
from study.storage.stored_study import StoredStudy

STORED = "estimator_ranking"
"""User attribute that holds the last ranking, in the study of the first full trainings."""
FEWEST_SEEDS = 2
REFERENCES = ("train", "synthetic")
"""Estimators of full trainings: those whose result depends on the seed."""


@options_dataclass(frozen=True, kw_only=True)
class TrainFidelity:
    """A training at a lower fidelity; None stands for that of the full training."""

    name: ClassVar[str] = "train"

    epochs: Annotated[int | None, Field(ge=1, le=10_000, description="epochs to train")] = None
    fraction: Annotated[
        float | None, Field(ge=1e-6, le=1.0, description="share of training images")
    ] = None
    image_size: Annotated[
        int | None, Field(ge=8, le=512, description="side of the images, in pixels")
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RankingPlan:
    """The studies of a ranking: full trainings, and one study for each estimator.

    Args:
        base: Settings of a full training with the first seed; its name is that of the ranking.
        estimators: As on the command line: ``synflow``, ``train,epochs=1``.
        sample: Number of candidates.
        seeds: Number of full trainings of each candidate.
    """

    base: StudySettings
    estimators: tuple[str, ...]
    sample: int
    seeds: int = FEWEST_SEEDS

    def __post_init__(self) -> None:
        """Check the plan.

        Raises:
            SettingsError: Too few candidates or seeds, or an estimator that is no reference.
        """
        check_sample_size(self.sample)
        if split_choice(self.base.estimator, what="estimator")[0] not in REFERENCES:
            raise SettingsError(
                f"--reference {self.base.estimator}: its result does not depend on a seed; write "
                f"{' or '.join(REFERENCES)}"
            )
        if self.seeds < FEWEST_SEEDS:
            raise SettingsError(
                f"--seeds {self.seeds}: only a second full training shows how well an estimator "
                f"can rank at all; use at least {FEWEST_SEEDS}"
            )

    def full(self, points: Sequence[Values]) -> tuple[StudySettings, ...]:
        """Return the settings of the full trainings, one study for each seed."""
        seeds = (seed for seed in itertools.count(self.base.seed) if seed != self._cheap_seed)
        return tuple(
            _on(points, self.base, study=f"{self.base.study}.full-{number}", seed=seed)
            for number, seed in zip(range(1, self.seeds + 1), seeds, strict=False)
        )

    @property
    def _cheap_seed(self) -> int:
        return self.base.seed + FEWEST_SEEDS

    def cheap(self, points: Sequence[Values]) -> tuple[StudySettings, ...]:
        """Return the settings of the estimators' studies.

        Their seed differs from those of the full trainings, so that no estimator shares weights
        with one. It does not depend on the number of full trainings, which may grow later.

        Raises:
            SettingsError: An unknown estimator or option, or one that does not fit.
        """
        name, seed = self.base.study, self._cheap_seed
        return tuple(
            _on(points, self.base, study=f"{name}.{text}", seed=seed, **_asked(text))
            for text in self.estimators
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sample:
    """The candidates: their points and, for each, its id in a full training."""

    points: tuple[Values, ...]
    names: tuple[str, ...]


def rank_estimators(
    plan: RankingPlan,
    run_context: RunContext,
    *,
    workers: int = 1,
    stop: Stop | None = None,
    observers: Sequence[StudyObserver] = (),
    say: Callable[[str], None] = lambda _: None,
) -> EstimatorRanking | None:
    """Return how well the estimators of a plan rank; None if a stop was requested.

    Args:
        plan: The studies.
        run_context: Where the studies run.
        workers: Number of processes for each study.
        stop: Stop flag.
        observers: Watch the studies.
        say: Called with a line before each study, and with its notes.

    Raises:
        StudyError: Sample, estimators, space, data or storage cannot be used. Everything that can
            be checked is checked before the first training.
    """
    stop = stop or Stop()
    _, described = load_data(plan.base, run_context, interrupted=stop)
    image = ImageFormat(**described["image"])
    sample = _sample(plan, image)
    studies = (*plan.full(sample.points), *plan.cheap(sample.points))
    _validate_all(studies, image)
    results: list[StudyResult] = []
    for number, settings in enumerate(studies, start=1):
        say(f"study {number} of {len(studies)}: {settings.study}")
        same = _at_one_precision(settings, results)
        result = run_study(same, run_context, workers=workers, stop=stop, observers=observers)
        for note in result.notes:
            say(f"note: {note}")
        if result.work.ending == "interrupted":
            return None
        results.append(result)
    first = results[0].stored
    ranking = _ranked(plan, sample, results)
    ranking = replace(
        ranking,
        space=first.problem.space.name,
        metric=plan.base.measures[0].key,
        description=_description(plan, first, trained=ranking.candidates),
    )
    with storage_errors(first.url):
        stored = TypeAdapter(EstimatorRanking).dump_python(ranking, mode="json")
        first.study.set_user_attr(STORED, stored)
    return ranking


def _sample(plan: RankingPlan, image: ImageFormat) -> _Sample:
    space = Problem(settings=plan.base, image=image).space
    points = stratified_sample(space, image, size=plan.sample, seed=plan.base.seed)
    names = tuple(candidate_id(space.candidate(values), image) for values in points)
    return _Sample(points=points, names=names)


def _at_one_precision(settings: StudySettings, earlier: Sequence[StudyResult]) -> StudySettings:
    """Return the settings with the precision that was measured for the first study."""
    precisions = [r.stored.environment.get("precision") for r in earlier]
    known = next((precision for precision in precisions if precision), settings.precision)
    return settings.with_changes(precision=known)


def _validate_all(studies: Sequence[StudySettings], image: ImageFormat) -> None:
    """Check every study before anything is trained.

    Raises:
        StudyError: An estimator does not fit the space.
    """
    for settings in studies:
        size = settings.image_size or image.size
        seen = ImageFormat(channels=image.channels, size=size, classes=image.classes)
        validate(Problem(settings=settings, image=seen))


def _ranked(
    plan: RankingPlan, sample: _Sample, results: Sequence[StudyResult]
) -> EstimatorRanking:
    trials = [_by_point(result.trials, sample.names) for result in results]
    trained = paired_trainings(trials[: plan.seeds], maximise=plan.base.measures[0].maximise)
    if len(trained) < SMALLEST_SAMPLE:
        raise EvaluationError(
            f"only {len(trained)} of {len(sample.names)} candidates could be trained in full with "
            f"every seed, {SMALLEST_SAMPLE} are needed; see why with "
            f"'report {results[0].stored.settings.study}', and take a larger --sample"
        )
    scores = [
        scored(
            name,
            records,
            maximise=result.stored.settings.measures[0].maximise,
            fixed_seconds=sum(cost.seconds for cost in read_costs(result.stored.study.user_attrs)),
        )
        for name, result, records in zip(
            plan.estimators, results[plan.seeds :], trials[plan.seeds :], strict=True
        )
    ]
    return rank(trained, scores, seed=plan.base.seed)


def _description(plan: RankingPlan, stored: StoredStudy, *, trained: int) -> str:
    """Return data, epochs and library versions, in sentences."""
    data, environment = stored.data, stored.environment
    images = f" ({data['train']:,} training images)" if "train" in data else ""
    epochs = stored.problem.longest_training
    versions = ", ".join(f"{name} {v}" for name, v in environment["libraries"].items())
    sentences = [
        f"Full training is {counted(epochs, 'epoch')} on {data['name']}{images}.",
        f"Made with {versions}.",
    ]
    if trained < plan.sample:
        sentences.append(
            f"{plan.sample - trained} of {plan.sample} candidates are left out: the space has no"
            " more, or their full training failed."
        )
    return " ".join(sentences)


def _asked(text: str) -> dict[str, Any]:
    """Return the settings in which the study of an estimator differs from a full training.

    Raises:
        SettingsError: An unknown estimator or option.
    """
    if text.partition(",")[0] != "train":
        metric = parse_estimator(text).metric
        return {"estimator": text} | ({} if metric is None else {"objectives": (metric,)})
    fidelity = parse_choice(text, registry_of(TrainFidelity), what="estimator")
    given = {name: value for name, value in asdict(fidelity).items() if value is not None}
    return {"estimator": "train", **given}


def _on(points: Sequence[Values], base: StudySettings, **changes: Any) -> StudySettings:
    """Return the settings of one study of the sample."""
    values = base.model_dump() | {
        "sampler": "random",
        "trials": len(points),
        "keep": "none",
        "candidates": tuple(dict(values) for values in points),
    }
    return make_settings(**(values | changes))


def _by_point(records: Sequence[TrialRecord], names: Sequence[str]) -> list[TrialRecord]:
    """Return the trials with the candidate ids of the full trainings.

    Args:
        records: Trials of one of the studies.
        names: Candidate id in a full training, by sequence index.
    """
    return [
        replace(record, candidate_id=names[record.sequence_index])
        for record in records
        if record.sequence_index is not None and record.sequence_index < len(names)
    ]


def paired_trainings(
    studies: Sequence[Sequence[TrialRecord]], *, maximise: bool
) -> tuple[TrainedCandidate, ...]:
    """Return the candidates that every study trained to the end, with their scores.

    Args:
        studies: Records of the full trainings, one study for each seed, all of the same sample.
        maximise: Whether the objective is maximised.
    """
    by_id = [
        {r.candidate_id: r for r in records if r.state == "complete" and r.value is not None}
        for records in studies
    ]
    seconds = [_seconds(records) for records in studies]
    common = [name for name in by_id[0] if all(name in records for records in by_id)]
    return tuple(
        _trained(
            [records[name] for records in by_id],
            maximise=maximise,
            seconds=sum(spent[name] for spent in seconds) / len(seconds),
        )
        for name in common
    )


def scored(
    name: str, records: Sequence[TrialRecord], *, maximise: bool, fixed_seconds: float = 0.0
) -> ScoredSample:
    """Return the scores of an estimator, from the records of its study of the sample.

    Args:
        name: As on the command line.
        records: Its trials. Failed ones have no score, but their time counts.
        maximise: Whether the score is maximised.
        fixed_seconds: Time before the first candidate.
    """
    return ScoredSample(
        name=name,
        scores={
            record.candidate_id: _larger_is_better(record, maximise)
            for record in records
            if record.state == "complete" and record.value is not None
        },
        seconds=sum(record.seconds for record in records),
        fixed_seconds=fixed_seconds,
    )


def _seconds(records: Sequence[TrialRecord]) -> dict[str, float]:
    """Return the seconds of each candidate, those of its lost trials included."""
    spent: dict[str, float] = {}
    for record in records:
        spent[record.candidate_id] = spent.get(record.candidate_id, 0.0) + record.seconds
    return spent


def _trained(runs: Sequence[TrialRecord], *, maximise: bool, seconds: float) -> TrainedCandidate:
    first = runs[0]
    assert first.parameters is not None
    assert first.macs is not None
    assert first.conv_macs is not None
    return TrainedCandidate(
        candidate_id=first.candidate_id,
        runs=tuple(_larger_is_better(record, maximise) for record in runs),
        seconds=seconds,
        parameters=first.parameters,
        macs=first.macs,
        conv_macs=first.conv_macs,
    )


def _larger_is_better(record: TrialRecord, maximise: bool) -> float:
    assert record.value is not None
    return record.value if maximise else -record.value
