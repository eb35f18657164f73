"""The result of ``test``, as it is computed, stored and reported."""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import NormalDist
from types import MappingProxyType
from typing import Any, Literal

from pydantic.dataclasses import dataclass

from study.common.stored_form import from_stored
from study.statistics.results import LEVEL, Interval, ReliabilityBin, Spread
from study.storage.stored_study import TEST

ACCURACY, BALANCED, AUC = "test_accuracy", "test_balanced_accuracy", "test_auc"
CALIBRATION = "test_ece"


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkResult:
    """One network on the test part.

    Args:
        measures: ``test_accuracy``, ``test_balanced_accuracy``, ``test_auc`` and ``test_ece``.
        intervals: Over images, of the first three measures: Wilson's interval for the accuracy,
            the bootstrap for the others.
        confusion: Images by true class (row) and predicted class (column).
        weights: SHA-256 of its weights, as a bundle stores them.
    """

    seed: int
    measures: Mapping[str, float]
    intervals: Mapping[str, Interval]
    confusion: tuple[tuple[int, ...], ...]
    weights: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassResult:
    """One class on the test part, by the first network, with Wilson's intervals.

    Args:
        recall: Share of its images that are recognised; None without images.
        precision: Share of the predictions of this class that are right; None without any.
    """

    name: str
    images: int
    recall: float | None
    precision: float | None
    recall_interval: Interval | None = None
    precision_interval: Interval | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainLink:
    """One step from validation accuracy over balanced accuracy to test accuracy."""

    name: str
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedResult:
    """A published result on the same test part."""

    name: str
    accuracy: float | None
    auc: float | None
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalTest:
    """Result of ``test``.

    Figures *over seeds* are about trainings of this candidate: the mean, and how much single
    trainings differ. Figures *of one network* are about the first seed's network, which is
    exported. The first seed is fixed before the test part is opened: choosing the best seed by the
    test part would be choosing by the test part.

    Args:
        number: The search's trial that found the candidate.
        access: Number of this access to the test part, from 1.
        size: Side of the images in pixels.
        images: Number of test images.
        fit_on: ``train`` or ``train+val``.
        networks: Every network, the exported one first.
        over_seeds: Mean and t-interval over seeds, by measure.
        mean_over_images: Mean over seeds with its interval over images, by measure.
        classes: Per-class results of the first network, in label order.
        reliability: Calibration bins of the first network; empty bins are left out.
        chain: From validation accuracy to test accuracy.
        validated: Which networks the validation figures of the chain come from.
        resolvable: Smallest difference in accuracy to a published result that this number of
            images shows in 4 of 5 cases.
        resolvable_paired: The same for two networks whose predictions are both known, if 10 % and
            20 % of the images are classified correctly by one of them alone.
    """

    candidate_id: str
    number: int
    access: int
    dataset: str
    size: int
    images: int
    fit_on: str = "train"
    epochs: float | None = None
    networks: tuple[NetworkResult, ...]
    over_seeds: Mapping[str, Spread]
    mean_over_images: Mapping[str, Spread]
    classes: tuple[ClassResult, ...]
    reliability: tuple[ReliabilityBin, ...] = ()
    chain: tuple[ChainLink, ...] = ()
    validated: str = ""
    published: tuple[PublishedResult, ...] = ()
    resolvable: float
    resolvable_paired: tuple[float, float]
    level: float = LEVEL

    @property
    def first(self) -> NetworkResult:
        """The network that is exported."""
        return self.networks[0]

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds of the networks, the exported one first."""
        return tuple(network.seed for network in self.networks)


def read_final_test(attributes: Mapping[str, Any]) -> FinalTest | None:
    """Return the result of ``test`` from a study's user attributes; None without one.

    Raises:
        EvaluationError: The stored result cannot be read.
    """
    stored = attributes.get(TEST)
    if stored is None:
        return None
    where = "the stored result of 'test'"
    return from_stored(FinalTest, stored, where=where, remedy="run 'test' again")


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
"""Results on official test parts, by MedMNIST's name of the data set and the side in pixels."""


def against_published(
    accuracy: float, published: float, images: int
) -> Literal["above", "below", "no clear difference"]:
    """Return whether an accuracy is above or below a published one on the same test part.

    A pooled two-sided test of two shares. It treats the two results as independent, because it is
    not known which images the published network classifies correctly. Both were measured on the
    same images, so the true chance of an error is smaller than stated.
    """
    pooled = (accuracy + published) / 2
    error = math.sqrt(2 * pooled * (1 - pooled) / images)
    if abs(accuracy - published) <= NormalDist().inv_cdf((1 + LEVEL) / 2) * error:
        return "no clear difference"
    return "above" if accuracy > published else "below"
