"""What is lost by training only what a score puts first."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from study.statistics.rank_correlation import Array

_ORDERS = 100
"""Random orders of equal scores that are averaged over."""


def regret(scores: Array, judges: Sequence[Array], *, picks: int, seed: int) -> float:
    """Return the best value less the best of the first ``picks``, mean over judges and ties.

    Args:
        scores: By which candidates are picked, (n,), larger first.
        judges: True values, (n,) each.
        picks: Candidates picked.
        seed: Of the order among equal scores.
    """
    rng = np.random.default_rng(seed)
    orders = [np.lexsort((rng.random(len(scores)), -scores)) for _ in range(_ORDERS)]
    return float(
        np.mean([judge.max() - judge[order[:picks]].max() for judge in judges for order in orders])
    )


def random_regret(judge: Array, picks: int) -> float:
    """Return the expected regret of ``picks`` different candidates picked at random."""
    n = len(judge)
    ordered = np.sort(judge)
    chances = [math.comb(i, picks - 1) / math.comb(n, picks) for i in range(n)]
    return float(ordered[-1] - ordered @ np.array(chances))
