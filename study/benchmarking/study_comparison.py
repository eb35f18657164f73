"""Stored studies side by side: the best value so far, paired by seed where they share seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from pydantic.dataclasses import dataclass

from study.common.errors import EvaluationError
from study.settings.metrics import Measure
from study.settings.study_settings import StudySettings
from study.statistics.ranks import Array
from study.statistics.significance import Pair, pairwise
from study.storage.lifecycle import study_state
from study.storage.records import TrialRecord
from study.storage.stored_study import StoredStudy

NO_STRATEGY = (
    "study", "seed", "trials", "timeout", "epochs_budget", "retries", "keep", "reuse",
    "sampler", "space_name", "space_text", "plan", "candidates",
)  # fmt: skip
"""Settings that are not added to the name of a strategy, which starts with the sampler."""
FEWEST_SEEDS = 2

Study = tuple[StoredStudy, Sequence[TrialRecord]]


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyCurve:
    """The best values of one study.

    Args:
        strategy: Its sampler, and the settings that differ from those of the other studies.
        best: Best value before the first trial that cost budget, and after each of them: trials +
            1 numbers, None where there is no value. A result that is reused from another study
            counts after the trial before it.
        epochs: Epochs trained in total.
    """

    name: str
    strategy: str
    seed: int
    best: tuple[float | None, ...]
    epochs: float

    @property
    def trials(self) -> int:
        """Number of trials that cost budget."""
        return len(self.best) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyComparison:
    """Stored studies side by side.

    Args:
        trials: Number of trials that all of them have; 0 if a study has reused every result.
        seeds: Seeds that all strategies have in common; empty for fewer than two.
        pairs: Tests of the loss after the last common trial. Empty without common seeds, or if a
            study has no result by then.
        notes: Further differences, one sentence each.
    """

    measure: Measure
    trials: int
    curves: tuple[StudyCurve, ...]
    seeds: tuple[int, ...]
    pairs: tuple[Pair, ...]
    notes: tuple[str, ...]


def compare_studies(studies: Sequence[Study]) -> StudyComparison:
    """Return the comparison of stored studies.

    Raises:
        EvaluationError: They have different metrics or data, or one has no result.
    """
    settings = [stored.settings for stored, _ in studies]
    _validate(studies)
    names = _strategies(settings)
    curves = tuple(
        _curve(one, records, strategy)
        for one, (_, records), strategy in zip(settings, studies, names, strict=True)
    )
    trials = min(curve.trials for curve in curves)
    seeds = _common_seeds(curves)
    measure = settings[0].measures[0]
    return StudyComparison(
        measure=measure,
        trials=trials,
        curves=curves,
        seeds=seeds,
        pairs=pairwise(_losses(curves, seeds, trials, measure)),
        notes=_notes(settings),
    )


def _validate(studies: Sequence[Study]) -> None:
    first, _ = studies[0]
    for other, _ in studies[1:]:
        pair = f"studies '{first.settings.study}' and '{other.settings.study}'"
        if other.settings.measures[0] != first.settings.measures[0]:
            found = f"{first.settings.objectives[0]} and {other.settings.objectives[0]}"
            raise EvaluationError(f"{pair} optimise {found}; compare studies of one metric")
        if other.data.get("sha256") != first.data.get("sha256"):
            raise EvaluationError(f"{pair} have different data; compare studies of one data set")
    for stored, records in studies:
        if not any(record.state == "complete" for record in records):
            raise EvaluationError(
                f"study '{stored.settings.study}' has no result to compare; run it first"
            )


def _strategies(settings: Sequence[StudySettings]) -> list[str]:
    """Return the sampler of each study, with every other setting in which they differ."""
    fields = [
        name
        for name in StudySettings.model_fields
        if name not in NO_STRATEGY and len({str(getattr(one, name)) for one in settings}) > 1
    ]
    names = [
        ", ".join([one.sampler, *(f"{name} {getattr(one, name)}" for name in fields)])
        for one in settings
    ]
    seen = [(name, one.seed) for name, one in zip(names, settings, strict=True)]
    doubled = {name for name, seed in seen if seen.count((name, seed)) > 1}
    return [
        f"{name} ({one.study})" if name in doubled else name
        for name, one in zip(names, settings, strict=True)
    ]


def _curve(settings: StudySettings, records: Sequence[TrialRecord], strategy: str) -> StudyCurve:
    state = study_state(records, retries=settings.retries)
    sign = settings.measures[0].sign
    ended = (state.latest[index] for index in (*state.finished, *state.duplicates))
    best = [-np.inf]
    for record in sorted(ended, key=lambda r: r.number):
        score = sign * record.objectives[0] if record.state == "complete" else -np.inf
        if record.reused_from is None:
            best.append(best[-1])
        best[-1] = max(best[-1], score)
    return StudyCurve(
        name=settings.study,
        strategy=strategy,
        seed=settings.seed,
        best=tuple(sign * score if np.isfinite(score) else None for score in best),
        epochs=sum(record.epochs - record.restored for record in records),
    )


def _common_seeds(curves: Sequence[StudyCurve]) -> tuple[int, ...]:
    """Return the seeds that every strategy has; empty for one strategy or for one seed."""
    by_strategy: dict[str, set[int]] = {}
    for curve in curves:
        by_strategy.setdefault(curve.strategy, set()).add(curve.seed)
    common = set.intersection(*by_strategy.values()) if len(by_strategy) > 1 else set()
    return tuple(sorted(common)) if len(common) >= FEWEST_SEEDS else ()


def _losses(
    curves: Sequence[StudyCurve], seeds: Sequence[int], trials: int, measure: Measure
) -> Mapping[str, Array]:
    """Return the loss of every strategy for each common seed; empty where one is missing."""
    best = {(curve.strategy, curve.seed): curve.best[trials] for curve in curves}
    losses: dict[str, Array] = {}
    for strategy in dict.fromkeys(curve.strategy for curve in curves) if seeds else ():
        values = [best[strategy, seed] for seed in seeds]
        known = [value for value in values if value is not None]
        if len(known) < len(values):
            return {}
        losses[strategy] = -measure.sign * np.array(known)
    return losses


def _notes(settings: Sequence[StudySettings]) -> tuple[str, ...]:
    notes = []
    if len({one.space_text for one in settings}) > 1:
        notes.append("the search spaces differ, and so may the best value that each contains")
    if len({len(one.objectives) for one in settings}) > 1:
        notes.append("some of the studies have further objectives; the first is compared")
    return tuple(notes)
