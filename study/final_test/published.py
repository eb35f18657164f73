"""Published results on official test parts, and what so many images can tell apart."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from study.results.outcomes import Published
from study.statistics.comparison import (
    smallest_paired_difference,
    smallest_unpaired_difference,
)

_MEDMNIST = "Yang et al. 2023, Scientific Data 10:41"
_MEDMNIST_PLUS = "Doerrich et al. 2025, arXiv 2404.15786"

PUBLISHED: Mapping[tuple[str, int], tuple[Published, ...]] = MappingProxyType(
    {
        ("octmnist", 28): (
            Published(name="ResNet-18", accuracy=0.743, auc=0.943, source=_MEDMNIST),
            Published(name="ResNet-50", accuracy=0.762, auc=0.952, source=_MEDMNIST),
            Published(name="auto-sklearn", accuracy=0.601, auc=0.887, source=_MEDMNIST),
            Published(name="AutoKeras", accuracy=0.763, auc=0.955, source=_MEDMNIST),
            Published(name="Google AutoML Vision", accuracy=0.771, auc=0.963, source=_MEDMNIST),
            Published(name="VGG16", accuracy=0.775, auc=0.958, source=_MEDMNIST_PLUS),
        )
    }
)
"""By MedMNIST's name of the data set and the side of its images in pixels."""

DISCORDANCES = (0.10, 0.20)
"""Shares of images that one of two good networks gets right and the other wrong, as is usual."""


def published_figures(dataset: str, size: int) -> tuple[Published, ...]:
    """Return the published results on a data set's test part; none for most."""
    return PUBLISHED.get((dataset, size), ())


def resolution_text(images: int, accuracy: float) -> str:
    """Return in words which differences in accuracy so many images can resolve."""
    low, high = (
        100 * smallest_paired_difference(images, discordance=share) for share in DISCORDANCES
    )
    apart = 100 * smallest_unpaired_difference(images, accuracy=accuracy)
    shares = " to ".join(f"{100 * share:.0f}" for share in DISCORDANCES)
    return (
        f"{images:,} images tell two networks apart (in 4 of 5 cases, at the 5 % level) that "
        f"differ by {low:.1f} to {high:.1f} points of accuracy, if the predictions of both are at "
        f"hand and {shares} % of the images are classified correctly by one of them alone; and by "
        f"{apart:.1f} points against a published accuracy, of which the predictions are not known."
    )
