"""Confirm: train the best candidates again with fresh seeds, choose by all runs, report the fresh.

The best value of a search is the luckiest of many and overstates its candidate. So the few best
are trained again: an ordinary study of fixed candidates, one trial for each candidate and seed,
linked to the first. This file is pure: ``confirm_candidates`` says what to train, and
``confirmation`` what the runs say.

How many seeds: with a standard deviation of 0.2 points over seeds, three tell half a point apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from study.common.errors import EvaluationError
from study.results import outcomes
from study.settings.metrics import Measure
from study.settings.study_settings import PlannedCandidate
from study.statistics.comparison import (
    OVER_SEEDS,
    PairedTest,
    paired_bootstrap,
    paired_t,
    seeds_to_resolve,
)
from study.statistics.intervals import LEVEL, reachable, t_interval
from study.statistics.weighted import mean_over_classes, weighted_mean
from study.storage.records import TrialRecord, ranked


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageValues:
    """What each validation image says about each fresh run, where predictions are kept.

    Args:
        metric: What the values are, as ``accuracy``.
        labels: True classes, (n,).
        values: Candidate → seed → value of each image, (n,), larger is better: 1 for a hit.
        average: Mean over ``images``, or over ``classes`` of the mean in each.
    """

    metric: str
    labels: NDArray[np.int64]
    values: Mapping[str, Mapping[int, NDArray[np.float64]]]
    average: Literal["images", "classes"] = "images"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmedCandidate(outcomes.ConfirmedCandidate):
    """A candidate with the seeds of its fresh runs, in the order of ``fresh_values``."""

    seeds: tuple[int, ...]
    choosing_mean: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation(outcomes.Confirmation):
    """What a confirmation found; ``comparison`` is the test that speaks least for the first.

    Args:
        maximise: Whether larger values are better.
        tests: First against second: over common seeds, and over images where they are kept; a
            positive difference is for the first, whether large or small values are better.
        seeds_needed: Common seeds that would tell them apart, were difference and spread as
            they were seen; None where it is not the test over seeds alone that fails, or no
            number would.
        left_out: Why a candidate is missing, one line each.
    """

    candidates: tuple[ConfirmedCandidate, ...]
    maximise: bool = True
    tests: tuple[PairedTest, ...] = ()
    seeds_needed: int | None = None
    left_out: tuple[str, ...] = field(default=())

    @property
    def chosen(self) -> ConfirmedCandidate:
        """The candidate with the best mean of all runs."""
        return self.candidates[0]


def confirm_candidates(
    records: Sequence[TrialRecord], *, top: int, maximise: bool = True
) -> list[PlannedCandidate]:
    """Return the ``top`` best candidates of a search, best first, each once.

    Only complete trials that trained count: not pruned ones, not twins that reuse a result.

    Raises:
        EvaluationError: No trial is complete.
    """
    chosen: dict[str, PlannedCandidate] = {}
    for record in ranked(records, maximise=maximise):
        if len(chosen) == top:
            break
        if record.candidate_id not in chosen:
            chosen[record.candidate_id] = PlannedCandidate(
                candidate_id=record.candidate_id,
                number=record.number,
                params=dict(record.params),
                search_value=record.objectives[0],
            )
    if not chosen:
        raise EvaluationError("no trial of the study is complete; go on with 'run' first")
    return list(chosen.values())


def confirmation(
    searched: Sequence[PlannedCandidate],
    fresh: Mapping[str, Mapping[int, float]],
    *,
    measure: Measure,
    images: ImageValues | None = None,
    study: str = "",
    level: float = LEVEL,
) -> Confirmation:
    """Return what the fresh runs say.

    The test of first against second needs no correction for the choice among several: comparing
    winner and runner-up by an unadjusted two-sided test is valid (Hung and Fithian 2019, arXiv
    1610.03944), here approximately, as the choice also saw the search's runs.

    Args:
        searched: What was trained again, from ``confirm_candidates``. One without a search value
            was found by something else than a full training; only its fresh runs choose then.
        fresh: Candidate → seed → value of each fresh run that completed.
        measure: What the values are.
        images: Values of single images, for the test over images.
        study: Name of the linked study that holds the trainings.
        level: Confidence of the intervals.

    Raises:
        EvaluationError: No candidate has a fresh run.
    """
    trained = [candidate for candidate in searched if fresh.get(candidate.candidate_id)]
    if not trained:
        raise EvaluationError(
            "no candidate was trained again with success; see why with 'report', then run "
            "'confirm' again"
        )
    sign = 1.0 if measure.maximise else -1.0
    confirmed = [
        _confirmed(candidate, fresh[candidate.candidate_id], metric=measure.key, level=level)
        for candidate in trained
    ]
    confirmed.sort(key=lambda c: (-sign * c.choosing_mean, c.number))
    tests = _tests(confirmed, fresh, images, sign=sign, level=level)
    deciding = max(tests, key=lambda test: (test.difference <= 0, test.p_value), default=None)
    return Confirmation(
        metric=measure.key,
        candidates=tuple(confirmed),
        optimism=_optimism(confirmed[0], sign),
        comparison=None if deciding is None else _comparison(deciding, tests, level),
        level=level,
        study=study,
        maximise=measure.maximise,
        tests=tests,
        seeds_needed=_seeds_needed(confirmed, fresh, tests, level),
        left_out=tuple(
            f"{c.candidate_id} (trial {c.number}): no fresh run completed"
            for c in searched
            if c not in trained
        ),
    )


def _confirmed(
    candidate: PlannedCandidate, runs: Mapping[int, float], *, metric: str, level: float
) -> ConfirmedCandidate:
    seeds = sorted(runs)
    values = [float(runs[seed]) for seed in seeds]
    seen = candidate.search_value
    return ConfirmedCandidate(
        candidate_id=candidate.candidate_id,
        number=candidate.number,
        search_value=seen,
        seeds=tuple(seeds),
        fresh_values=tuple(values),
        fresh=seed_spread(metric, values, level=level),
        choosing_mean=float(np.mean(values if seen is None else [seen, *values])),
    )


def _optimism(chosen: ConfirmedCandidate, sign: float) -> float | None:
    if chosen.search_value is None:
        return None
    return sign * (chosen.search_value - chosen.fresh.mean)


def seed_spread(metric: str, values: Sequence[float], *, level: float = LEVEL) -> outcomes.Spread:
    """Return mean, standard deviation and t-interval of the mean of values over seeds."""
    interval = reachable(t_interval(values, level=level), metric)
    return outcomes.Spread(
        mean=float(np.mean(values)),
        std=float(np.std(values, ddof=1)) if len(values) > 1 else None,
        low=None if interval is None else interval.low,
        high=None if interval is None else interval.high,
    )


def _tests(
    confirmed: Sequence[ConfirmedCandidate],
    fresh: Mapping[str, Mapping[int, float]],
    images: ImageValues | None,
    *,
    sign: float,
    level: float,
) -> tuple[PairedTest, ...]:
    """Return the tests of first against second; a positive difference is for the first."""
    if len(confirmed) < 2:
        return ()
    first, second = (
        {seed: sign * value for seed, value in fresh[c.candidate_id].items()}
        for c in confirmed[:2]
    )
    tests = [paired_t(first, second, level=level)]
    if images is not None:
        pair = (confirmed[0].candidate_id, confirmed[1].candidate_id)
        tests.append(_image_test(pair, images, level))
    return tuple(test for test in tests if test is not None)


def _image_test(pair: tuple[str, str], images: ImageValues, level: float) -> PairedTest | None:
    """Compare two candidates by the mean over their common seeds of each image's value."""
    first, second = (images.values.get(candidate, {}) for candidate in pair)
    seeds = sorted(first.keys() & second.keys())
    if not seeds:
        return None
    difference = np.mean([first[s].astype(float) - second[s] for s in seeds], axis=0)
    statistic = (
        weighted_mean(difference)
        if images.average == "images"
        else mean_over_classes(difference, images.labels)
    )
    test = paired_bootstrap(statistic, images.labels, seed=_BOOTSTRAP_SEED, level=level)
    return PairedTest(
        method=f"paired bootstrap of {images.metric} over images",
        pairs=test.pairs,
        difference=test.difference,
        interval=test.interval,
        p_value=test.p_value,
    )


_BOOTSTRAP_SEED = 0


def _over_seeds(tests: Sequence[PairedTest]) -> PairedTest | None:
    return next((test for test in tests if test.method == OVER_SEEDS), None)


def _comparison(
    test: PairedTest, tests: Sequence[PairedTest], level: float
) -> outcomes.Comparison:
    """Return the verdict of the deciding test; images alone know nothing of other trainings."""
    return outcomes.Comparison(
        method=test.method,
        difference=test.difference,
        p_value=test.p_value,
        distinguishable=_over_seeds(tests) is not None and test.favours_first(level),
        low=None if test.interval is None else test.interval.low,
        high=None if test.interval is None else test.interval.high,
    )


def _seeds_needed(
    confirmed: Sequence[ConfirmedCandidate],
    fresh: Mapping[str, Mapping[int, float]],
    tests: Sequence[PairedTest],
    level: float,
) -> int | None:
    failing = [test for test in tests if not test.favours_first(level)]
    seeds = _over_seeds(tests)
    if seeds is None or failing != [seeds] or seeds.difference <= 0:
        return None
    first, second = (fresh[c.candidate_id] for c in confirmed[:2])
    differences = [first[seed] - second[seed] for seed in sorted(first.keys() & second.keys())]
    return seeds_to_resolve(seeds.difference, float(np.std(differences, ddof=1)), level=level)
