"""Predictions on the test part in MedMNIST's own format, so that anyone can check the figures.

``python -m medmnist evaluate --path FILE`` computes accuracy and AUC from such a file.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from study.final_test.measure import probabilities_of
from study.final_test.result import ACCURACY, AUC, FinalTest

_USUAL_SIZE = 28  # not part of MedMNIST's file names


def prediction_files(
    scores: Mapping[int, NDArray[np.floating]], result: FinalTest
) -> dict[str, str]:
    """Return the name and the text of a file for each network.

    Args:
        scores: The argument of ``measure.final_test``: seed → class scores, (n, classes).
        result: Its result.
    """
    files = {}
    size = "" if result.size == _USUAL_SIZE else f"_{result.size}"
    shape = (result.images, len(result.classes))
    for network in result.networks:
        shares = probabilities_of(network.seed, scores[network.seed], shape)
        name = (
            f"{result.dataset}{size}_test_[AUC]{network.measures[AUC]:.3f}_"
            f"[ACC]{network.measures[ACCURACY]:.3f}@{network.seed}.csv"
        )
        files[name] = "".join(
            f"{index},{','.join(map(repr, row))}\n" for index, row in enumerate(shares.tolist())
        )
    return files
