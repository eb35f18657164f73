"""Ranks of points by Pareto dominance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def front_ranks(points: Sequence[Sequence[float]] | np.ndarray) -> np.ndarray:
    """Return ranks by non-dominated sorting (Deb et al. 2002, NSGA-II, section III A), from 1.

    Points of rank 1 are the Pareto front. Without them, those of rank 2 are, and so on.

    Args:
        points: Larger is better, shape (n, objectives).
    """
    count = len(points)
    no_worse = np.ones((count, count), dtype=bool)
    better = np.zeros((count, count), dtype=bool)
    for column in np.asarray(points, dtype=float).T:
        no_worse &= column[:, None] >= column
        better |= column[:, None] > column
    beats = no_worse & better
    beaten_by = beats.sum(axis=0)
    ranks = np.zeros(count, dtype=int)
    rank = 1
    while not ranks.all():
        front = (ranks == 0) & (beaten_by == 0)
        ranks[front] = rank
        beaten_by -= beats[front].sum(axis=0)
        rank += 1
    return ranks
