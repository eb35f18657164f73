"""The result of ``test``, as it is computed, stored and reported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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
        seed: Seed of its training.
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
        name: The class.
        images: Number of its images.
        recall: Share of its images that are recognised; None without images.
        precision: Share of the predictions of this class that are right; None without any.
        recall_interval: Of the recall.
        precision_interval: Of the precision.
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

    Two kinds of figures: *over seeds* says what training this candidate gives on average and how
    much single trainings differ; *of one network* is about the first seed's network, which is
    the one that is exported. The first seed is fixed before the test part is opened: choosing
    the best seed by the test part would be choosing by the test part.

    Args:
        candidate_id: The candidate that was tested.
        number: The search's trial that found it.
        access: Number of this access to the test part, from 1.
        dataset: Name of the data set.
        size: Side of its images in pixels.
        images: Number of test images.
        fit_on: ``train`` or ``train+val``.
        epochs: Epochs of each training.
        networks: Every network, the exported one first.
        over_seeds: Mean and t-interval over seeds, by measure.
        mean_over_images: Mean over seeds with its interval over images, by measure.
        classes: Per-class results of the first network, in label order.
        reliability: Calibration bins of the first network; empty bins are left out.
        chain: From validation accuracy to test accuracy.
        validated: Which networks the validation figures of the chain come from.
        published: Published results on the same test part.
        resolvable: Smallest difference in accuracy to a published result that this number of
            images shows in 4 of 5 cases.
        resolvable_paired: The same for two networks whose predictions are both known, if 10 % and
            20 % of the images are classified correctly by one of them alone.
        level: Confidence of the intervals.
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
