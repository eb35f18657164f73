"""``run_study.py trust``: train a sample in full, ask every estimator, and judge.

The trainings are ordinary studies in the storage. What they hold is not trained again, so a
report that was broken off goes on where it stopped, and one with another estimator more costs
that estimator alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from study.common.errors import EvaluationError
from study.common.formats import counted
from study.common.stop import Stop
from study.rank_estimators.judging import TrustReport, judge, paired_trainings, scored
from study.rank_estimators.rows import Scored
from study.rank_estimators.stored_report import trust_json
from study.rank_estimators.stratified_sample import SMALLEST_SAMPLE, stratified_sample
from study.rank_estimators.studies import TrustPlan, by_point
from study.report.rank_estimators_text import trust_text
from study.running.observer import StudyObserver
from study.running.study_data import load_data
from study.running.study_runner import StudyResult, run_study
from study.search_space.candidate import ImageFormat, Values
from study.search_space.resolve import candidate_id
from study.settings.problem import Problem
from study.settings.run_context import RunContext
from study.settings.study_settings import StudySettings
from study.settings.validation import validate
from study.storage.costs import read_costs
from study.storage.records import TrialRecord
from study.storage.storage_errors import storage_errors
from study.storage.stored_study import StoredStudy

STORED = "trust"
"""User attribute of the first full trainings' study that holds the last report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A finished report.

    Args:
        report: What came out.
        space: Name of the search space.
        metric: Name of the metric, with its split.
        setting: On what it was measured, in sentences.
    """

    report: TrustReport
    space: str
    metric: str
    setting: str

    def markdown(self) -> str:
        """Return the report to read."""
        return trust_text(self.report, space=self.space, metric=self.metric, setting=self.setting)

    def json(self) -> dict[str, Any]:
        """Return the report to go on with."""
        return trust_json(self.report, space=self.space, metric=self.metric, setting=self.setting)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sample:
    """The candidates: their points and, for each, its id in a full training."""

    points: tuple[Values, ...]
    names: tuple[str, ...]


def measure_trust(
    plan: TrustPlan,
    run_context: RunContext,
    *,
    workers: int = 1,
    stop: Stop | None = None,
    observers: Sequence[StudyObserver] = (),
    tell: Callable[[str], None] = lambda _: None,
) -> Judged | None:
    """Return how far the plan's estimators can be trusted; None where a stop was asked for.

    Args:
        plan: What is asked.
        run_context: Where the studies run.
        workers: Processes that work on each of them.
        stop: The wish to stop, if anybody may have it.
        observers: Watch the studies.
        tell: Called with a line before each study, and with its notes.

    Raises:
        StudyError: Sample, estimators, space, data or storage cannot be used. Everything that can
            be checked is checked before the first training.
    """
    stop = stop or Stop()
    _, described = load_data(plan.base, run_context, interrupted=stop)
    image = ImageFormat(**described["image"])
    sample = _sample(plan, image)
    full, cheap = plan.full(sample.points), plan.cheap(sample.points)
    _check_all((*full, *cheap), image)
    results: list[StudyResult] = []
    for number, settings in enumerate((*full, *cheap), start=1):
        tell(f"study {number} of {len(full) + len(cheap)}: {settings.study}")
        same = _at_one_precision(settings, results)
        result = run_study(same, run_context, workers=workers, stop=stop, observers=observers)
        for note in result.notes:
            tell(f"note: {note}")
        if result.work.ending == "interrupted":
            return None
        results.append(result)
    report = _judged(plan, sample, results)
    setting = _setting(plan, results[0].stored, trained=report.candidates)
    judged = Judged(
        report=report,
        space=results[0].stored.problem.space.name,
        metric=plan.base.measures[0].key,
        setting=setting,
    )
    _store(results[0].stored, judged.json())
    return judged


def _sample(plan: TrustPlan, image: ImageFormat) -> _Sample:
    space = Problem(settings=plan.base, image=image).space
    points = stratified_sample(space, image, size=plan.sample, seed=plan.base.seed)
    names = tuple(candidate_id(space.candidate(values), image) for values in points)
    return _Sample(points=points, names=names)


def _at_one_precision(settings: StudySettings, earlier: Sequence[StudyResult]) -> StudySettings:
    """Return the settings with the precision that was measured for the first study."""
    precisions = [r.stored.environment.get("precision") for r in earlier]
    known = next((precision for precision in precisions if precision), settings.precision)
    return settings.with_changes(precision=known)


def _check_all(studies: Sequence[StudySettings], image: ImageFormat) -> None:
    """Refuse what does not fit before anything is trained.

    Raises:
        StudyError: An estimator does not fit the space.
    """
    for settings in studies:
        size = settings.image_size or image.size
        seen = ImageFormat(channels=image.channels, size=size, classes=image.classes)
        validate(Problem(settings=settings, image=seen))


def _judged(plan: TrustPlan, sample: _Sample, results: Sequence[StudyResult]) -> TrustReport:
    trials = [by_point(result.trials, sample.names) for result in results]
    trained = paired_trainings(trials[: plan.seeds], maximise=plan.base.measures[0].maximise)
    if len(trained) < SMALLEST_SAMPLE:
        raise EvaluationError(
            f"only {len(trained)} of {len(sample.names)} candidates could be trained in full with "
            f"every seed, {SMALLEST_SAMPLE} are needed; see why with "
            f"'report {results[0].stored.settings.study}', and take a larger --sample"
        )
    asked = zip(plan.estimators, results[plan.seeds :], trials[plan.seeds :], strict=True)
    return judge(
        trained,
        [_scored(name, result.stored, records) for name, result, records in asked],
        seed=plan.base.seed,
    )


def _scored(name: str, stored: StoredStudy, trials: Sequence[TrialRecord]) -> Scored:
    costs = read_costs(stored.study.user_attrs)
    return scored(
        name,
        trials,
        maximise=stored.settings.measures[0].maximise,
        fixed_seconds=sum(cost.seconds for cost in costs),
    )


def _setting(plan: TrustPlan, stored: StoredStudy, *, trained: int) -> str:
    """Return on what the report was measured, in sentences."""
    data, environment = stored.data, stored.environment
    images = f" ({data['train']:,} training images)" if "train" in data else ""
    epochs = stored.problem.longest_training
    versions = ", ".join(f"{name} {v}" for name, v in environment["libraries"].items())
    words = [
        f"Full training is {counted(epochs, 'epoch')} on {data['name']}{images}.",
        f"Made with {versions}.",
    ]
    if trained < plan.sample:
        words.append(
            f"{plan.sample - trained} of {plan.sample} candidates asked for are left out: the "
            "space has no more, or their full training failed."
        )
    return " ".join(words)


def _store(stored: StoredStudy, report: Mapping[str, Any]) -> None:
    with storage_errors(stored.url):
        stored.study.set_user_attr(STORED, dict(report))
