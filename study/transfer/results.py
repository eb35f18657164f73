"""The results of one study as another study sees them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from study.search_space.candidate import Values
from study.search_space.differences import translate
from study.search_strategy.strategy import Observation
from study.settings.metrics import Measure
from study.settings.problem import Problem
from study.settings.study_settings import StudySettings
from study.storage.records import TrialRecord, read_trials, unranges
from study.storage.stored_study import StoredStudy, StudyDefinition, version_differences


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """The trials that a study took from another one when it was created.

    They are stored with the study, so that a resume and a replay see the same ones, although the
    other study may continue.

    Args:
        study: Name of the other study.
        trials: Numbers of the trials, as ``0-11,13``.
        of: Number of results that it had.
        left: Why the other results were not taken, with counts.
        note: What else the user has to know.
    """

    study: str
    trials: str
    of: int
    left: Sequence[str] = ()
    note: str = ""

    @property
    def numbers(self) -> list[int]:
        """Numbers of the trials."""
        return unranges(self.trials)

    def describe(self) -> str:
        """Return how many results were taken, and why the rest was not."""
        left = f" (not taken: {', '.join(self.left)})" if self.left else ""
        note = f"; {self.note}" if self.note else ""
        return f"'{self.study}': {len(self.numbers)} of {self.of} results{left}{note}"


def taken_from(attributes: Mapping[str, Any], key: str) -> Taken | None:
    """Return what a study took from another one; None for nothing."""
    stored = attributes.get(key)
    return None if stored is None else Taken(**stored)


def disagreements(mine: StudyDefinition, other: StudyDefinition) -> list[str]:
    """Return why no result of the other study holds in this one; nothing where they hold.

    A result holds where training the candidate here would give the same number: same data,
    images, estimator, seed, precision and arithmetic. The seed of a training follows from the
    study's seed and the candidate alone (``records.training_seed``), and a candidate id covers
    network, recipe and epochs. Sampler, pruner, budget, metric and space may differ.
    """
    return list(_disagreements(mine, other))


def _disagreements(mine: StudyDefinition, other: StudyDefinition) -> Iterator[str]:
    here, there = mine.settings, other.settings
    if there.plan is not None:
        yield "it trains a list of candidates with seeds of its own"
    if "supernet" in (here.chosen_estimator.name, there.chosen_estimator.name):
        yield "values by shared weights belong to the study that trained the weights"
    for name in ("estimator", "fraction", "seed"):
        old, new = getattr(there, name), getattr(here, name)
        if old != new:
            yield f"{name}: {old} there, {new} here"
    if other.data.get("sha256") != mine.data.get("sha256"):
        split = f"{there.split} and {here.split} split"
        names = f"'{other.data.get('name')}' there, '{mine.data.get('name')}' here"
        yield f"data: other images or labels ({names}; {split})"
    if other.data.get("image") != mine.data.get("image"):
        yield f"images: {_describe_image(other.data)} there, {_describe_image(mine.data)} here"
    old, new = (facts.environment.get("precision") for facts in (other, mine))
    if old != new:
        yield f"precision: {old} there, {new} here"
    incompatible, _ = version_differences(other.environment)
    yield from incompatible


def _describe_image(data: Mapping[str, Any]) -> str:
    image = data.get("image", {})
    return f"{image.get('channels')}x{image.get('size')}x{image.get('size')}"


def read_all(study: StoredStudy) -> list[TrialRecord]:
    """Return all trials of a study, in number order."""
    return read_trials(study.study.get_trials(deepcopy=False))


def results_of(other: StoredStudy) -> list[TrialRecord]:
    """Return a study's complete trials, the first of each candidate, in number order."""
    kept: dict[str, TrialRecord] = {}
    for record in read_all(other):
        if record.state == "complete" and not isinstance(record.reused_from, int):
            kept.setdefault(record.candidate_id, record)
    return list(kept.values())


class Translator:
    """Translates trials of another study into the space and the objectives of this one.

    Args:
        same_candidate: Whether a point must mean the same candidate in both studies.
    """

    def __init__(self, problem: Problem, other: StudyDefinition, *, same_candidate: bool) -> None:
        self._problem, self._other, self._same = problem, other.problem, same_candidate
        self.left: Counter[str] = Counter()
        """How many trials were left out, by reason."""

    def __call__(self, record: TrialRecord) -> TrialRecord | None:
        """Return the trial with this study's parameters and objectives, or count why not."""
        problem = self._problem
        values = translate(record.params, source=self._other.space, target=problem.space)
        if values is None or not problem.allows(values) or self._is_other(values, record):
            self.left["outside this space"] += 1
            return None
        found = record if record.state == "failed" else measured(record, problem.settings)
        if found is None:
            self.left[f"without {' and '.join(problem.settings.objectives)}"] += 1
            return None
        return replace(found, params=values)

    def _is_other(self, values: Values, record: TrialRecord) -> bool:
        return self._same and self._problem.identify(values) != record.candidate_id

    def reasons(self) -> list[str]:
        """Return why trials were left out, with counts."""
        return [f"{count} {reason}" for reason, count in self.left.items()]


def measured(record: TrialRecord, settings: StudySettings) -> TrialRecord | None:
    """Return the trial with the objectives of these settings; None where it lacks a measure.

    A pruned trial is measured by its last epoch.
    """
    metrics = record.metrics
    if record.state == "pruned":
        metrics = record.curve[-1] if record.curve else {}
    objectives = _objectives(record, metrics, settings.measures)
    if objectives is None:
        return None
    curve = [_objectives(record, step, settings.measures[:1]) for step in record.curve]
    single = len(settings.measures) == 1
    intermediate = {step: v[0] for step, v in enumerate(curve, 1) if v is not None and single}
    return replace(record, objectives=objectives, metrics=metrics, intermediate=intermediate)


def _objectives(
    record: TrialRecord, metrics: Mapping[str, float], measures: Sequence[Measure]
) -> tuple[float, ...] | None:
    known = {"parameters": record.parameters, "macs": record.macs, **metrics}
    found = [known.get(measure.metric) for measure in measures]
    values = tuple(float(value) for value in found if value is not None)
    return values if len(values) == len(measures) else None


def origin_of(record: TrialRecord, study: str) -> tuple[str, TrialRecord]:
    """Return the study and the trial in which a candidate was trained.

    Args:
        study: Name of the study that the trial is in. Its result may be from yet another study.
    """
    if not isinstance(record.reused_from, str):
        return study, record
    trained_in, _, number = record.reused_from.rpartition("/")
    return trained_in, replace(record, number=int(number))


def observe(record: TrialRecord, measures: Sequence[Measure], *, number: int) -> Observation:
    """Return a finished trial as a strategy sees it: larger scores are better."""
    outcome = record.state if record.state in ("complete", "pruned") else "failed"
    return Observation(
        number=number,
        values=record.params,
        outcome=outcome,
        scores=tuple(m.sign * v for m, v in zip(measures, record.objectives, strict=False)),
        step=max(record.intermediate, default=None),
        candidate_id=record.candidate_id,
        notes=record.draw.notes if record.draw else {},
    )
