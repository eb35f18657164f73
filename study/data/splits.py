"""How a data set is cut into what a search trains on and what it is judged by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

OFFICIAL = "official"
POOLED = "pooled"
SPLITS = (OFFICIAL, POOLED)

_PURPOSE = 0x9001  # keeps this draw apart from others that start from the same seed


@dataclass(frozen=True, slots=True, kw_only=True)
class PooledCut:
    """The 70/30 cut of all images of a data set.

    Args:
        train: Indices of the training part into train, val and test laid end to end, int64.
        val: Indices of the validation part.
        test_in_train: How many images of the official test part are in the training part.
        test_in_val: How many are in the validation part.
    """

    train: NDArray[np.int64]
    val: NDArray[np.int64]
    test_in_train: int
    test_in_val: int


def pooled_cut(*, train: int, val: int, test: int, seed: int) -> PooledCut:
    """Shuffle all images and cut them 70/30.

    Args:
        train: Images of the official training part.
        val: Images of the official validation part.
        test: Images of the official test part.
        seed: Any whole number from 0.
    """
    total = train + val + test
    order = np.random.default_rng([_PURPOSE, seed]).permutation(total)
    cut = total * 7 // 10
    in_train = int(np.count_nonzero(order[:cut] >= train + val))
    return PooledCut(
        train=order[:cut], val=order[cut:], test_in_train=in_train, test_in_val=test - in_train
    )
