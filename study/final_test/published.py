"""Published results on official test parts, and the differences that a test part can show."""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import NormalDist
from types import MappingProxyType
from typing import Literal

from study.final_test.result import PublishedResult
from study.statistics.results import LEVEL

_MEDMNIST = "Yang et al. 2023, Scientific Data 10:41"
_MEDMNIST_PLUS = "Doerrich et al. 2025, arXiv 2404.15786"

PUBLISHED: Mapping[tuple[str, int], tuple[PublishedResult, ...]] = MappingProxyType(
    {
        ("octmnist", 28): tuple(
            PublishedResult(name=name, accuracy=accuracy, auc=auc, source=source)
            for name, accuracy, auc, source in (
                ("ResNet-18", 0.743, 0.943, _MEDMNIST),
                ("ResNet-50", 0.762, 0.952, _MEDMNIST),
                ("auto-sklearn", 0.601, 0.887, _MEDMNIST),
                ("AutoKeras", 0.763, 0.955, _MEDMNIST),
                ("Google AutoML Vision", 0.771, 0.963, _MEDMNIST),
                ("VGG16", 0.775, 0.958, _MEDMNIST_PLUS),
            )
        )
    }
)
"""By MedMNIST's name of the data set and the side of its images in pixels."""


def against_published(
    accuracy: float, published: float, images: int, *, level: float = LEVEL
) -> Literal["above", "below", "no clear difference"]:
    """Return whether an accuracy is above or below a published one on the same test part.

    A pooled two-sided test of two shares. It treats the two results as independent, because it is
    not known which images the published network classifies correctly. Both were measured on the
    same images, so the true chance of an error is smaller than stated.
    """
    pooled = (accuracy + published) / 2
    error = math.sqrt(2 * pooled * (1 - pooled) / images)
    if abs(accuracy - published) <= NormalDist().inv_cdf((1 + level) / 2) * error:
        return "no clear difference"
    return "above" if accuracy > published else "below"
