"""The figures of one estimator against full training."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from study.rank_estimators.stratified_sample import SMALLEST_SAMPLE
from study.statistics.bootstrap import RESAMPLES
from study.statistics.ranks import Array, kendall, regret, resamples, spearman
from study.statistics.results import LEVEL, Interval

BEST_OF = 5
TOP_SHARE = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """One candidate of the sample, trained in full.

    Args:
        candidate_id: Its identity.
        runs: Score of each full training, one for each seed, in the same order of seeds for all
            candidates; larger is better (a minimised metric is negated).
        seconds: What one full training took.
        parameters: Trainable numbers.
        macs: Multiply-accumulates an image.
        conv_macs: The convolutions' part of them.
    """

    candidate_id: str
    runs: tuple[float, ...]
    seconds: float
    parameters: int
    macs: int
    conv_macs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """What an estimator said of the sample.

    Args:
        name: As on the command line: ``train,epochs=1``.
        scores: Score by candidate id, larger is better; candidates it failed on are missing.
        seconds: What scoring the whole sample took.
        fixed_seconds: What it took before the first candidate: a supernet's training.
    """

    name: str
    scores: Mapping[str, float]
    seconds: float
    fixed_seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A number with its 95 % percentile bootstrap interval over candidates."""

    value: float
    interval: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustRow:
    """One line of the report. What cannot be said is None.

    Args:
        name: Estimator, count or ceiling.
        candidates: How many it scored.
        tau: Kendall's τ-b with a full training, mean over seeds.
        rho: Spearman's ρ, likewise.
        top_tau: τ within the quarter that one full training puts on top, with another one: by
            the same one, chance alone would make it fall below 0.
        speed_up: Time of the full trainings of the sample over its own, failures and fixed cost
            counted; infinite for counts, None for the ceiling.
        first_regret: What its first pick is worse than the best of the sample, by a full training.
        five_regret: The same for the best of its first five.
        advantage: Interval of τ minus the best count's τ, on the same resamples.
        problem: Why there are no figures.
    """

    name: str
    candidates: int
    tau: Figure | None = None
    rho: Figure | None = None
    top_tau: Figure | None = None
    speed_up: float | None = None
    first_regret: float | None = None
    five_regret: float | None = None
    advantage: Interval | None = None
    problem: str | None = None


def row(
    scored: Scored, sample: Sequence[Trained], runs: Array, *, rival: Scored, seed: int
) -> TrustRow:
    """Return the figures of one estimator: agreement on what it scored, regret on the sample.

    Args:
        scored: The estimator.
        sample: All candidates.
        runs: Their scores by full training, (seeds, candidates).
        rival: A score that costs nothing, of all candidates.
        seed: Of the bootstrap, and of the order among equal scores.
    """
    known = [i for i, one in enumerate(sample) if one.candidate_id in scored.scores]
    x, other = (_column(sample, known, one) for one in (scored, rival))
    problem = _problem(x, len(sample))
    if problem is not None:
        return TrustRow(name=scored.name, candidates=len(known), problem=problem)
    mine = runs[:, known]
    price = scored.seconds + scored.fixed_seconds
    weights = resamples(len(known), count=RESAMPLES, seed=seed)
    picked, judged = np.full(len(sample), -math.inf), judges(runs)  # what has no score comes last
    picked[known] = x
    return TrustRow(
        name=scored.name,
        candidates=len(known),
        tau=_figure(lambda w: _mean(kendall(x, run, w) for run in mine), weights),
        rho=_figure(lambda w: _mean(spearman(x, run, w) for run in mine), weights),
        top_tau=_figure(lambda w: _top_tau(x, mine, w), weights),
        speed_up=sum(one.seconds for one in sample) / price if price else math.inf,
        first_regret=regret(picked, judged, picks=1, seed=seed),
        five_regret=regret(picked, judged, picks=BEST_OF, seed=seed),
        advantage=None if scored is rival else _advantage(x, other, mine, weights),
    )


def ceiling(runs: Array, *, seed: int) -> TrustRow:
    """Return the same figures for a full training in the estimator's place."""
    seeds, candidates = runs.shape
    weights = resamples(candidates, count=RESAMPLES, seed=seed)
    pairs = list(itertools.combinations(runs, 2))
    picked = list(zip(runs, judges(runs), strict=True))
    return TrustRow(
        name="full training, another seed",
        candidates=candidates,
        tau=_figure(lambda w: _mean(kendall(a, b, w) for a, b in pairs), weights),
        rho=_figure(lambda w: _mean(spearman(a, b, w) for a, b in pairs), weights),
        top_tau=_figure(lambda w: _top_ceiling(runs, w), weights) if seeds > 2 else None,
        first_regret=_regret(picked, picks=1, seed=seed),
        five_regret=_regret(picked, picks=BEST_OF, seed=seed),
    )


def judges(runs: Array) -> list[Array]:
    """Return, for each run, the mean of the others: what its picks are judged by, (n,) each."""
    return [np.delete(runs, i, axis=0).mean(axis=0) for i in range(len(runs))]


def _column(sample: Sequence[Trained], known: Sequence[int], scored: Scored) -> Array:
    return np.array([scored.scores[sample[i].candidate_id] for i in known], dtype=float)


def _problem(x: Array, size: int) -> str | None:
    if len(x) < SMALLEST_SAMPLE:
        return f"scored {len(x)} of {size} candidates; {SMALLEST_SAMPLE} are needed"
    if not np.isfinite(x).all():
        return f"{np.count_nonzero(~np.isfinite(x))} of its scores are not finite"
    if (x == x[0]).all():
        return "gives every candidate the same score"
    return None


def _mean(values: Iterable[Array]) -> Array:
    return np.asarray(np.mean(list(values), axis=0))


def _top_tau(x: Array, runs: Array, weights: Array) -> Array:
    """Return τ with one run among the best of another, mean over ordered pairs of runs."""
    return _mean(kendall(x, b, weights * _on_top(a)) for a, b in itertools.permutations(runs, 2))


def _top_ceiling(runs: Array, weights: Array) -> Array:
    return _mean(
        kendall(b, c, weights * _on_top(a)) for a, b, c in itertools.permutations(runs, 3)
    )


def _on_top(run: Array) -> Array:
    """Return 1 for the best quarter by a run, 0 for the others."""
    size = math.ceil(TOP_SHARE * len(run))
    return np.isin(np.arange(len(run)), np.argsort(-run, kind="stable")[:size]).astype(float)


def _advantage(x: Array, other: Array, runs: Array, weights: Array) -> Interval | None:
    gains = _mean(kendall(x, run, weights) - kendall(other, run, weights) for run in runs)
    return _interval(gains)


def _figure(statistic: Callable[[Array], Array], weights: Array) -> Figure | None:
    value = float(statistic(np.ones((1, weights.shape[1])))[0])
    interval = _interval(statistic(weights))
    return (
        None if interval is None or math.isnan(value) else Figure(value=value, interval=interval)
    )


def _interval(draws: Array) -> Interval | None:
    draws = draws[~np.isnan(draws)]
    if not draws.size:
        return None
    low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(low=float(low), high=float(high))


def _regret(picked: Sequence[tuple[Array, Array]], *, picks: int, seed: int) -> float:
    return float(np.mean([regret(x, [judge], picks=picks, seed=seed) for x, judge in picked]))
