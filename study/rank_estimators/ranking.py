"""How well each estimator ranks the candidates of a search space, and at what cost.

The reference is a stratified random sample, trained in full with two or more seeds. Estimators are
compared with the *ceiling*, which is how well one full training ranks the results of another, and
with counts such as MACs, which cost nothing.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass as plain_dataclass

import numpy as np
from pydantic.dataclasses import dataclass

from study.common.errors import EvaluationError
from study.rank_estimators.stratified_sample import SMALLEST_SAMPLE, check_sample_size
from study.statistics.bootstrap import RESAMPLES, percentile_interval
from study.statistics.ranks import Array, kendall, random_regret, regret, resamples, spearman
from study.statistics.results import Interval

COUNTS = ("parameters", "macs", "conv_macs")
"""Scores that cost nothing, named after the fields of ``TrainedCandidate``."""
BEST_OF = 5
TOP_SHARE = 0.25


@plain_dataclass(frozen=True, slots=True, kw_only=True)
class TrainedCandidate:
    """One candidate of the sample, trained in full.

    Args:
        runs: Score of each full training, in the same order of seeds for all candidates; larger
            is better (a minimised metric is negated).
        seconds: Mean time of its full trainings.
        macs: Multiply-accumulates for one image.
        conv_macs: Those of the convolutions.
    """

    candidate_id: str
    runs: tuple[float, ...]
    seconds: float
    parameters: int
    macs: int
    conv_macs: int


@plain_dataclass(frozen=True, slots=True, kw_only=True)
class ScoredSample:
    """The scores of an estimator for the sample.

    Args:
        name: As on the command line, for example ``train,epochs=1``.
        scores: Score by candidate id, larger is better; failed candidates are missing.
        seconds: Time to score the sample, failed candidates included.
        fixed_seconds: Time before the first candidate, such as the training of a supernet.
    """

    name: str
    scores: Mapping[str, float]
    seconds: float
    fixed_seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Coefficient:
    """A number with its 95 % percentile bootstrap interval over candidates."""

    value: float
    interval: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class RankingRow:
    """The figures of one estimator; None if there is no figure.

    Args:
        candidates: Number of scored candidates.
        tau: Kendall's τ-b with a full training, mean over seeds; ``rho`` likewise.
        top_tau: τ within the best quarter of one full training, with another full training. With
            the same one, chance alone would push it below 0.
        speed_up: Time of the full trainings of the sample divided by its own time, with failures
            and fixed costs. None for counts, which are free, and for the ceiling.
        first_regret: Best of the sample minus its first pick, judged by full trainings.
        five_regret: Best of the sample minus the best of its first five picks.
        advantage: Interval of τ minus the τ of the best count, on the same resamples.
        problem: Why there are no figures.
    """

    name: str
    candidates: int
    tau: Coefficient | None = None
    rho: Coefficient | None = None
    top_tau: Coefficient | None = None
    speed_up: float | None = None
    free: bool = False
    first_regret: float | None = None
    five_regret: float | None = None
    advantage: Interval | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EstimatorRanking:
    """How well estimators rank the candidates of a space.

    Args:
        metric: Name of the metric, with its split.
        description: Data, epochs and library versions, in sentences.
        seeds: Number of full trainings of each candidate.
        run_seconds: Mean time of one full training.
        best_count: Name of the count with the highest τ.
        random_first_regret: Mean regret of a random pick.
        random_five_regret: That of the best of five random picks.
    """

    space: str = ""
    metric: str = ""
    description: str = ""
    candidates: int
    seeds: int
    run_seconds: float
    ceiling: RankingRow
    counts: tuple[RankingRow, ...]
    estimators: tuple[RankingRow, ...]
    best_count: str
    random_first_regret: float
    random_five_regret: float


def rank(
    sample: Sequence[TrainedCandidate], estimators: Sequence[ScoredSample], *, seed: int
) -> EstimatorRanking:
    """Return how well each estimator ranks the sample, without the description.

    Args:
        seed: Of the bootstrap and of the order among equal scores.

    Raises:
        SettingsError: Fewer than 30 candidates.
        EvaluationError: Fewer than two runs, unequal numbers of them, or a score not finite.
    """
    check_sample_size(len(sample))
    runs = _runs(sample)
    counts = [
        ScoredSample(
            name=name, scores={c.candidate_id: getattr(c, name) for c in sample}, seconds=0.0
        )
        for name in COUNTS
    ]
    rival = max(counts, key=lambda count: _tau(count, sample, runs))
    rows = [_row(one, sample, runs, rival=rival, seed=seed) for one in (*counts, *estimators)]
    return EstimatorRanking(
        candidates=len(sample),
        seeds=len(runs),
        run_seconds=float(np.mean([one.seconds for one in sample])),
        ceiling=_ceiling(runs, seed=seed),
        counts=tuple(rows[: len(counts)]),
        estimators=tuple(rows[len(counts) :]),
        best_count=rival.name,
        random_first_regret=float(np.mean([random_regret(v, 1) for v in _judges(runs)])),
        random_five_regret=float(np.mean([random_regret(v, BEST_OF) for v in _judges(runs)])),
    )


def _row(
    scored: ScoredSample,
    sample: Sequence[TrainedCandidate],
    runs: Array,
    *,
    rival: ScoredSample,
    seed: int,
) -> RankingRow:
    """Return the figures of one estimator: correlations on what it scored, regret on the sample.

    Args:
        runs: Scores of the sample by full training, (seeds, candidates).
        rival: The count that the estimator is compared with.
    """
    known = [i for i, one in enumerate(sample) if one.candidate_id in scored.scores]
    x, other = (
        np.array([one.scores[sample[i].candidate_id] for i in known], dtype=float)
        for one in (scored, rival)
    )
    problem = _problem(x, len(sample))
    if problem is not None:
        return RankingRow(name=scored.name, candidates=len(known), problem=problem)
    mine = runs[:, known]
    cost = scored.seconds + scored.fixed_seconds
    weights = resamples(len(known), count=RESAMPLES, seed=seed)
    picked, judged = np.full(len(sample), -math.inf), _judges(runs)  # without a score: last
    picked[known] = x
    return RankingRow(
        name=scored.name,
        candidates=len(known),
        tau=_coefficient(lambda w: _mean(kendall(x, run, w) for run in mine), weights),
        rho=_coefficient(lambda w: _mean(spearman(x, run, w) for run in mine), weights),
        top_tau=_coefficient(lambda w: _top_tau(x, mine, w), weights),
        speed_up=sum(one.seconds for one in sample) / cost if cost else None,
        free=not cost,
        first_regret=regret(picked, judged, picks=1, seed=seed),
        five_regret=regret(picked, judged, picks=BEST_OF, seed=seed),
        advantage=None
        if scored is rival
        else _interval(_mean(kendall(x, y, weights) - kendall(other, y, weights) for y in mine)),
    )


def _ceiling(runs: Array, *, seed: int) -> RankingRow:
    """Return the figures of one full training as an estimator of another."""
    seeds, candidates = runs.shape
    weights = resamples(candidates, count=RESAMPLES, seed=seed)
    pairs = list(itertools.combinations(runs, 2))
    picked = list(zip(runs, _judges(runs), strict=True))

    def mean_regret(picks: int) -> float:
        return float(np.mean([regret(x, [y], picks=picks, seed=seed) for x, y in picked]))

    return RankingRow(
        name="full training, another seed",
        candidates=candidates,
        tau=_coefficient(lambda w: _mean(kendall(a, b, w) for a, b in pairs), weights),
        rho=_coefficient(lambda w: _mean(spearman(a, b, w) for a, b in pairs), weights),
        top_tau=_coefficient(lambda w: _top_ceiling(runs, w), weights) if seeds > 2 else None,
        first_regret=mean_regret(1),
        five_regret=mean_regret(BEST_OF),
    )


def _judges(runs: Array) -> list[Array]:
    """Return the mean of the other runs for each run, (n,) each; it judges the run's picks."""
    return [np.delete(runs, i, axis=0).mean(axis=0) for i in range(len(runs))]


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


def _coefficient(statistic: Callable[[Array], Array], weights: Array) -> Coefficient | None:
    value = float(statistic(np.ones((1, weights.shape[1])))[0])
    interval = _interval(statistic(weights))
    if interval is None or math.isnan(value):
        return None
    return Coefficient(value=value, interval=interval)


def _interval(draws: Array) -> Interval | None:
    draws = draws[~np.isnan(draws)]
    return percentile_interval(draws) if draws.size else None


def _runs(sample: Sequence[TrainedCandidate]) -> Array:
    """Return the scores as (seeds, candidates)."""
    found = sorted({len(one.runs) for one in sample})
    if len(found) > 1 or found[0] < 2:
        counts = " or ".join(map(str, found))
        raise EvaluationError(
            f"candidates have {counts} full trainings; each needs the same number, two or more"
        )
    for one in sample:
        if not all(map(math.isfinite, one.runs)):
            raise EvaluationError(
                f"candidate {one.candidate_id}: a score is not finite: {one.runs}"
            )
    return np.array([one.runs for one in sample], dtype=float).T


def _tau(scored: ScoredSample, sample: Sequence[TrainedCandidate], runs: Array) -> float:
    """Return τ without an interval; -1 if the score does not vary."""
    x = np.array([scored.scores[one.candidate_id] for one in sample], dtype=float)
    once = np.ones((1, len(x)))
    tau = float(np.mean([kendall(x, run, once)[0] for run in runs]))
    return -1.0 if math.isnan(tau) else tau
