"""Stored studies side by side: the best so far, paired by seed where they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from study.common.errors import EvaluationError
from study.settings.metrics import Measure
from study.settings.study_settings import StudySettings
from study.statistics.ranks import Array
from study.statistics.significance import Pair, pairwise
from study.storage.lifecycle import study_state
from study.storage.records import TrialRecord

APART = ("study", "seed", "trials", "timeout", "epochs_budget", "retries", "keep", "reuse")
"""Settings that do not make a strategy: names, limits and what is kept."""
SMALLEST_TEST = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyCurve:
    """How one study went.

    Args:
        name: Of the study.
        strategy: What tells its settings from those of the others.
        seed: The study's seed.
        best: The best value so far, in the metric, before the first trial that cost budget and
            after each of them, shape (trials + 1,); NaN where there is none. What is reused from
            another study belongs to the trial before it.
        epochs: Epochs trained in all.
    """

    name: str
    strategy: str
    seed: int
    best: Array
    epochs: float

    @property
    def trials(self) -> int:
        """Trials that cost budget."""
        return len(self.best) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyComparison:
    """Several studies of one question.

    Args:
        measure: What they optimise.
        trials: Trials that all of them have; beyond, nothing is compared. 0 where one of them
            has reused every result.
        curves: The studies, in the order given.
        paired: Strategies that have these seeds in common, two at least.
        seeds: The seeds.
        pairs: Tests of the loss after the last common trial; empty without pairs, or where a
            study had no result by then.
        notes: What else differs.
    """

    measure: Measure
    trials: int
    curves: tuple[StudyCurve, ...]
    paired: tuple[str, ...]
    seeds: tuple[int, ...]
    pairs: tuple[Pair, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A study as it is stored.

    Args:
        settings: Its settings.
        digest: Of its data.
        records: Its trials.
    """

    settings: StudySettings
    digest: str
    records: Sequence[TrialRecord]


def compare_studies(studies: Sequence[Told]) -> StudyComparison:
    """Return how studies compare.

    Raises:
        EvaluationError: They optimise different things, look at different data, or have no result.
    """
    _refuse_strangers(studies)
    names = _strategies([study.settings for study in studies])
    curves = tuple(_curve(study, strategy) for study, strategy in zip(studies, names, strict=True))
    trials = min(curve.trials for curve in curves)
    seeds = _common_seeds(curves)
    paired = tuple(dict.fromkeys(names)) if len(seeds) >= SMALLEST_TEST else ()
    measure = studies[0].settings.measures[0]
    return StudyComparison(
        measure=measure,
        trials=trials,
        curves=curves,
        paired=paired,
        seeds=seeds if paired else (),
        pairs=_pairs(_losses(curves, paired, seeds, trials, measure)) if paired else (),
        notes=_notes(studies),
    )


def _refuse_strangers(studies: Sequence[Told]) -> None:
    first = studies[0]
    for other in studies[1:]:
        pair = f"studies '{first.settings.study}' and '{other.settings.study}'"
        if other.settings.measures[0] != first.settings.measures[0]:
            found = f"{first.settings.objectives[0]} and {other.settings.objectives[0]}"
            raise EvaluationError(f"{pair} optimise {found}; compare studies of one metric")
        if other.digest != first.digest:
            raise EvaluationError(
                f"{pair} look at different data; compare studies of one data set"
            )
    for study in studies:
        if not any(record.state == "complete" for record in study.records):
            raise EvaluationError(
                f"study '{study.settings.study}' has no result to compare; run it first"
            )


def _strategies(settings: Sequence[StudySettings]) -> list[str]:
    """Return the sampler of each study, with every other setting in which they differ."""
    fields = [
        name
        for name in StudySettings.model_fields
        if name not in (*APART, "sampler", "space_name", "space_text", "plan", "candidates")
        and len({str(getattr(one, name)) for one in settings}) > 1
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


def _curve(study: Told, strategy: str) -> StudyCurve:
    settings = study.settings
    state = study_state(study.records, retries=settings.retries)
    sign = 1.0 if settings.measures[0].maximise else -1.0
    ended = (state.latest[place] for place in (*state.finished, *state.duplicates))
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
        best=sign * np.where(np.isfinite(best), best, np.nan),
        epochs=sum(record.epochs - record.restored for record in study.records),
    )


def _common_seeds(curves: Sequence[StudyCurve]) -> tuple[int, ...]:
    """Return the seeds that every strategy has; empty for a single strategy."""
    by_strategy: dict[str, set[int]] = {}
    for curve in curves:
        by_strategy.setdefault(curve.strategy, set()).add(curve.seed)
    if len(by_strategy) < 2:
        return ()
    return tuple(sorted(set.intersection(*by_strategy.values())))


def _losses(
    curves: Sequence[StudyCurve],
    strategies: Sequence[str],
    seeds: Sequence[int],
    trials: int,
    measure: Measure,
) -> Mapping[str, Array]:
    """Return a number for each common seed, smaller is better, of every strategy."""
    sign = -1.0 if measure.maximise else 1.0
    known = {(curve.strategy, curve.seed): curve.best[trials] for curve in curves}
    return {
        strategy: sign * np.array([known[strategy, seed] for seed in seeds])
        for strategy in strategies
    }


def _pairs(losses: Mapping[str, Array]) -> tuple[Pair, ...]:
    """Return the tests of every two strategies; none where a loss is missing."""
    whole = all(np.isfinite(row).all() for row in losses.values())
    return pairwise(losses) if whole else ()


def _notes(studies: Sequence[Told]) -> tuple[str, ...]:
    """Return what else differs between the studies."""
    notes = []
    if len({study.settings.space_text for study in studies}) > 1:
        notes.append("the studies have different search spaces: their bests say more of these")
    if len({len(study.settings.objectives) for study in studies}) > 1:
        notes.append("some of the studies have further objectives; the first is compared")
    return tuple(notes)
