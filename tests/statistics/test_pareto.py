from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from study.statistics.pareto import front_ranks

score_rows = hnp.arrays(
    float, st.tuples(st.integers(1, 12), st.integers(1, 3)), elements=st.integers(0, 4)
)


def test_ranks_are_the_ones_seen_by_eye() -> None:
    scores = [[1, 5], [3, 3], [5, 1], [2, 2], [1, 1], [3, 3]]
    assert front_ranks(scores).tolist() == [1, 1, 1, 2, 3, 1]


def test_no_points_have_no_ranks() -> None:
    assert front_ranks([]).tolist() == []


@given(score_rows)
def test_each_point_is_dominated_from_the_front_before_and_by_none_of_its_own(
    scores: np.ndarray,
) -> None:
    ranks = front_ranks(scores)

    def dominates(a: int, b: int) -> bool:
        return bool((scores[a] >= scores[b]).all() and (scores[a] > scores[b]).any())

    for b in range(len(scores)):
        above = [a for a in range(len(scores)) if dominates(a, b)]
        assert ranks[b] == max((ranks[a] + 1 for a in above), default=1)
