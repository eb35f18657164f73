"""Where a test accuracy stands against a published one: one rule for every page and terminal."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Literal

Standing = Literal["above", "below", "not told apart"]


def standing(accuracy: float, published: float, images: int, *, level: float = 0.95) -> Standing:
    """Return where an accuracy stands against a published one on the same number of images.

    A two-sided test of two shares, pooled. It takes the two results for independent: which images
    the published network got right is not known. Both were measured on the same images, which
    makes the true chance of an error smaller than stated.
    """
    pooled = (accuracy + published) / 2
    error = math.sqrt(2 * pooled * (1 - pooled) / images)
    if abs(accuracy - published) <= NormalDist().inv_cdf((1 + level) / 2) * error:
        return "not told apart"
    return "above" if accuracy > published else "below"
