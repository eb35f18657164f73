"""``rank-estimators``: train a sample in full, run every estimator on it, and rank.

The trainings are ordinary studies of one list of candidates. What they hold is not trained again:
an interrupted run continues where it stopped, and one more estimator costs that estimator alone. A
shorter training, or one on fewer or smaller images, makes another candidate of the same point, so
the studies are matched by sequence index.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from study.common.choices import split_choice
from study.common.errors import EvaluationError, SettingsError
from study.common.formats import counted
from study.common.stop import Stop
from study.common.stored_form import to_stored
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
from study.search_space.candidate import Values
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
FIDELITIES = ("epochs", "fraction", "image_size")
"""Options of ``train`` as an estimator to rank: settings of its study, for a lower fidelity."""


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
        check_sample_size(self.sample)
        if self.base.chosen_estimator.name not in REFERENCES:
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
            _settings(points, self.base, study=f"{self.base.study}.full-{number}", seed=seed)
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
        return tuple(self._cheap_study(text, points) for text in self.estimators)

    def _cheap_study(self, text: str, points: Sequence[Values]) -> StudySettings:
        try:
            return _settings(
                points,
                self.base,
                study=f"{self.base.study}.{text}",
                seed=self._cheap_seed,
                **_changes(text),
            )
        except SettingsError as error:
            raise SettingsError(f"--estimators {text}: {error}") from None


def _changes(text: str) -> dict[str, Any]:
    """Return the settings in which the study of an estimator differs from a full training."""
    name, given = split_choice(text, what="estimator")
    if name != "train":
        metric = parse_estimator(text).metric
        return {"estimator": text} | ({} if metric is None else {"objectives": (metric,)})
    if unknown := next((key for key in given if key not in FIDELITIES), None):
        raise SettingsError(f"{unknown}: unknown option; choose from: {', '.join(FIDELITIES)}")
    return {"estimator": name, **given}


def _settings(points: Sequence[Values], base: StudySettings, **changes: Any) -> StudySettings:
    values = base.model_dump() | {
        "sampler": "random",
        "trials": len(points),
        "keep": "none",
        "candidates": tuple(dict(values) for values in points),
    }
    return make_settings(**(values | changes))


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

    Everything that can be checked is checked before the first training.

    Args:
        workers: Number of processes for each study.
        say: Called with a line before each study, and with its notes.

    Raises:
        StudyError: Sample, estimators, space, data or storage cannot be used.
    """
    stop = stop or Stop()
    _, described = load_data(plan.base, run_context, interrupted=stop)
    base = Problem.for_data(plan.base, described)
    image, space = base.image, base.space
    points = stratified_sample(space, image, size=plan.sample, seed=plan.base.seed)
    studies = (*plan.full(points), *plan.cheap(points))
    for settings in studies:
        seen = replace(image, size=settings.image_size or image.size)
        validate(Problem(settings=settings, image=seen, train_images=base.train_images))
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
    names = [candidate_id(space.candidate(values), image) for values in points]
    ranking = _ranked(plan, names, results)
    ranking = replace(
        ranking,
        space=first.problem.space.name,
        metric=plan.base.measures[0].metric,
        description=_description(plan, first, trained=ranking.candidates),
    )
    with storage_errors(first.url):
        first.study.set_user_attr(STORED, to_stored(ranking))
    return ranking


def _at_one_precision(settings: StudySettings, earlier: Sequence[StudyResult]) -> StudySettings:
    """Return the settings with the precision that was measured for the first study."""
    precisions = [r.stored.environment.get("precision") for r in earlier]
    known = next((precision for precision in precisions if precision), settings.precision)
    return settings.with_changes(precision=known)


def _ranked(
    plan: RankingPlan, names: Sequence[str], results: Sequence[StudyResult]
) -> EstimatorRanking:
    """Return the ranking.

    Args:
        names: Candidate id in a full training, by sequence index.
        results: The full trainings, then the estimators' studies.
    """
    trials = [_by_point(result.trials, names) for result in results]
    trained = paired_trainings(trials[: plan.seeds], maximise=plan.base.measures[0].maximise)
    if len(trained) < SMALLEST_SAMPLE:
        raise EvaluationError(
            f"only {len(trained)} of {len(names)} candidates could be trained in full with every "
            f"seed, {SMALLEST_SAMPLE} are needed; see why with "
            f"'report {results[0].stored.settings.study}', and take a larger --sample"
        )
    cheap = zip(plan.estimators, results[plan.seeds :], trials[plan.seeds :], strict=True)
    scores = [
        scored(
            name,
            records,
            maximise=result.stored.settings.measures[0].maximise,
            fixed_seconds=sum(cost.seconds for cost in read_costs(result.stored.study.user_attrs)),
        )
        for name, result, records in cheap
    ]
    return rank(trained, scores, seed=plan.base.seed)


def _description(plan: RankingPlan, stored: StoredStudy, *, trained: int) -> str:
    """Return data, epochs and library versions, in sentences."""
    data, environment = stored.data, stored.environment
    images = f" ({data['train']:,} training images)" if "train" in data else ""
    epochs = stored.problem.space.longest_training
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


def _by_point(records: Sequence[TrialRecord], names: Sequence[str]) -> list[TrialRecord]:
    """Return the trials of a study with the candidate ids of the full trainings."""
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
    """
    by_id = [
        {record.candidate_id: record for record in records if record.state == "complete"}
        for records in studies
    ]
    trained = []
    for name, first in by_id[0].items():
        if not all(name in records for records in by_id):
            continue
        assert first.parameters is not None
        assert first.macs is not None
        assert first.conv_macs is not None
        candidate = TrainedCandidate(
            candidate_id=name,
            runs=tuple(_larger_is_better(records[name], maximise) for records in by_id),
            seconds=sum(_seconds(records, name) for records in studies) / len(studies),
            parameters=first.parameters,
            macs=first.macs,
            conv_macs=first.conv_macs,
        )
        trained.append(candidate)
    return tuple(trained)


def _seconds(records: Sequence[TrialRecord], candidate: str) -> float:
    """Return the seconds of a candidate, those of its lost trials included."""
    return sum((r.seconds for r in records if r.candidate_id == candidate), start=0.0)


def scored(
    name: str, records: Sequence[TrialRecord], *, maximise: bool, fixed_seconds: float = 0.0
) -> ScoredSample:
    """Return the scores of an estimator from the records of its study of the sample.

    Failed trials have no score, but their time counts.
    """
    return ScoredSample(
        name=name,
        scores={
            record.candidate_id: _larger_is_better(record, maximise)
            for record in records
            if record.state == "complete"
        },
        seconds=sum(record.seconds for record in records),
        fixed_seconds=fixed_seconds,
    )


def _larger_is_better(record: TrialRecord, maximise: bool) -> float:
    return record.objectives[0] if maximise else -record.objectives[0]
