"""Predictions on the test part in MedMNIST's own form, so that anyone can check the figures.

``python -m medmnist evaluate --path FILE`` computes accuracy and AUC from such a file.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from study.final_test.final_test import FinalTest
from study.final_test.network_result import ACCURACY, AUC, probabilities_of

_USUAL_SIZE = 28  # has no mark in MedMNIST's file names


def prediction_files(
    scores: Mapping[int, NDArray[np.floating]], result: FinalTest
) -> dict[str, str]:
    """Return a file for each network: its name and its text.

    Args:
        scores: As ``final_test`` was given them: seed → class scores, (n, classes).
        result: What it returned.
    """
    files = {}
    for network in result.networks:
        shares = probabilities_of(
            network.seed, scores[network.seed], result.images, len(result.classes)
        )
        size = "" if result.size == _USUAL_SIZE else f"_{result.size}"
        name = (
            f"{result.dataset}{size}_test_[AUC]{network.measures[AUC]:.3f}_"
            f"[ACC]{network.measures[ACCURACY]:.3f}@{network.seed}.csv"
        )
        files[name] = "".join(
            f"{index},{','.join(map(repr, row))}\n" for index, row in enumerate(shares.tolist())
        )
    return files
