"""How far each estimator's ranking can be trusted on one search space, and at what price.

The yardstick is full training with two or more seeds on a stratified random sample. Next to every
estimator stand the *ceiling*, how well one full training ranks what another one finds, and the
counts that cost nothing. Pure functions; ``trust_text`` writes the outcome down.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from study.common.errors import EvaluationError
from study.rank_estimators.rows import (
    BEST_OF,
    Scored,
    Trained,
    TrustRow,
    ceiling,
    judges,
    row,
)
from study.rank_estimators.stratified_sample import check_sample_size
from study.statistics.ranks import Array, kendall, random_regret
from study.storage.records import TrialRecord

COUNTS = ("parameters", "macs", "conv_macs")
"""Scores that cost nothing, named after the fields of ``Trained``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustReport:
    """What came out.

    Args:
        candidates: Size of the sample.
        seeds: Full trainings of each candidate.
        run_seconds: Mean time of one full training.
        ceiling: How one full training ranks another.
        counts: Rows of ``COUNTS``.
        estimators: Rows in the order given.
        best_count: Name of the count with the highest τ.
        random_first: Mean regret of a random pick.
        random_five: Mean regret of the best of five random picks.
    """

    candidates: int
    seeds: int
    run_seconds: float
    ceiling: TrustRow
    counts: tuple[TrustRow, ...]
    estimators: tuple[TrustRow, ...]
    best_count: str
    random_first: float
    random_five: float


def judge(sample: Sequence[Trained], estimators: Sequence[Scored], *, seed: int) -> TrustReport:
    """Return how far each estimator can be trusted.

    Args:
        sample: The stratified sample, each candidate trained in full with every seed.
        estimators: What the estimators said of it.
        seed: Of the bootstrap and of the order among equal scores.

    Raises:
        SettingsError: Fewer than 30 candidates.
        EvaluationError: Fewer than two runs, unequal numbers of them, or a score not finite.
    """
    check_sample_size(len(sample))
    runs = _runs(sample)
    counts = [_count(sample, name) for name in COUNTS]
    rival = max(counts, key=lambda count: _tau(count, sample, runs))
    rows = [row(scored, sample, runs, rival=rival, seed=seed) for scored in (*counts, *estimators)]
    return TrustReport(
        candidates=len(sample),
        seeds=len(runs),
        run_seconds=float(np.mean([one.seconds for one in sample])),
        ceiling=ceiling(runs, seed=seed),
        counts=tuple(rows[: len(counts)]),
        estimators=tuple(rows[len(counts) :]),
        best_count=rival.name,
        random_first=float(np.mean([random_regret(values, 1) for values in judges(runs)])),
        random_five=float(np.mean([random_regret(values, BEST_OF) for values in judges(runs)])),
    )


def paired_trainings(
    studies: Sequence[Sequence[TrialRecord]], *, maximise: bool
) -> tuple[Trained, ...]:
    """Return the candidates that every study trained to the end, with their scores.

    Args:
        studies: Records of the full trainings with one seed each, all of the same sample.
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
) -> Scored:
    """Return what an estimator said, from the records of its study of the sample.

    Args:
        name: As on the command line.
        records: Its trials; failed ones are left out, their time is not.
        maximise: Whether its score is maximised.
        fixed_seconds: What it took before the first candidate.
    """
    return Scored(
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
    """Return what each candidate took, the part that a lost trial trained included."""
    spent: dict[str, float] = {}
    for record in records:
        spent[record.candidate_id] = spent.get(record.candidate_id, 0.0) + record.seconds
    return spent


def _trained(runs: Sequence[TrialRecord], *, maximise: bool, seconds: float) -> Trained:
    first = runs[0]
    assert first.parameters is not None
    assert first.macs is not None
    assert first.conv_macs is not None
    return Trained(
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


def _runs(sample: Sequence[Trained]) -> Array:
    """Return the scores as (seeds, candidates)."""
    found = sorted({len(one.runs) for one in sample})
    if len(found) > 1 or found[0] < 2:
        counts = " or ".join(map(str, found))
        raise EvaluationError(
            f"trust: candidates have {counts} full trainings; each needs the same two or more"
        )
    for one in sample:
        if not all(map(math.isfinite, one.runs)):
            raise EvaluationError(
                f"trust: candidate {one.candidate_id}: a score is not finite: {one.runs}"
            )
    return np.array([one.runs for one in sample], dtype=float).T


def _count(sample: Sequence[Trained], name: str) -> Scored:
    scores = {one.candidate_id: float(getattr(one, name)) for one in sample}
    return Scored(name=name, scores=scores, seconds=0.0)


def _tau(scored: Scored, sample: Sequence[Trained], runs: Array) -> float:
    """Return τ without an interval; the least possible where the score does not vary."""
    x = np.array([scored.scores[one.candidate_id] for one in sample])
    once = np.ones((1, len(x)))
    tau = float(np.mean([kendall(x, run, once)[0] for run in runs]))
    return -1.0 if math.isnan(tau) else tau
