"""What ``confirm`` and ``test`` found, in the form they are stored in and shown from.

``stored_outcomes`` is the way back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """A mean with its interval.

    Args:
        mean: Mean over fresh seeds, or the point estimate over images.
        std: Sample standard deviation over seeds; None for one seed.
        low: Lower end of the interval, included; None where there is none.
        high: Upper end.
    """

    mean: float
    std: float | None = None
    low: float | None = None
    high: float | None = None

    @property
    def bounded(self) -> bool:
        """Whether there is an interval."""
        return self.low is not None and self.high is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmedCandidate:
    """One candidate trained again with fresh seeds.

    Args:
        candidate_id: Which.
        number: The search's trial that found it.
        search_value: What the search had seen; None where that was no full training.
        fresh_values: Value with each fresh seed.
        fresh: Their mean and t-interval; the search's value is not in it.
        choosing_mean: Mean of all runs, the search's included; the choice is made by it.
    """

    candidate_id: str
    number: int
    search_value: float | None
    fresh_values: tuple[float, ...]
    fresh: Spread
    choosing_mean: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Whether the first can be told from the second.

    Args:
        method: Name of the paired test.
        difference: First minus second.
        p_value: Two-sided.
        low: Lower end of the difference's interval.
        high: Upper end.
        distinguishable: The test's verdict at its level.
    """

    method: str
    difference: float
    p_value: float
    distinguishable: bool
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """Result of ``confirm``.

    Args:
        metric: What the values measure.
        candidates: Best first, by ``choosing_mean``.
        optimism: The search's value of the best minus its fresh mean; None where the search's
            value was of another kind.
        comparison: First against second; None where there is one candidate.
        level: Confidence of the intervals.
        study: Name of the linked study that holds the trainings.
    """

    metric: str
    candidates: tuple[ConfirmedCandidate, ...]
    optimism: float | None
    comparison: Comparison | None = None
    level: float = 0.95
    study: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassResult:
    """How one class fared on the test part.

    Args:
        name: The class.
        images: How many there are.
        recall: Share of them that were recognised.
        precision: Share of the images called so that are so; None where none was.
    """

    name: str
    images: int
    recall: float | None
    precision: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReliabilityBin:
    """Images whose predicted probability falls into one bin.

    Args:
        confidence: Mean probability of the predicted class.
        accuracy: Share that was right.
        images: How many.
    """

    confidence: float
    accuracy: float
    images: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainLink:
    """One step of validation accuracy → balanced → test.

    Args:
        name: What it is.
        value: The measure.
    """

    name: str
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A published result on the same test part.

    Args:
        name: Method.
        accuracy: As published.
        auc: As published.
        source: Where.
    """

    name: str
    accuracy: float | None
    auc: float | None
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalTest:
    """Result of ``test``.

    Args:
        candidate_id: The candidate that was tested.
        number: The search's trial that found it.
        look: Number of this look at the test part, from 1.
        fit_on: ``train`` or ``train+val``.
        epochs: Epochs of each training.
        images: Images of the test part.
        per_seed: Measures of each seed, by name (``test_accuracy``, …).
        over_seeds: Mean and interval over seeds, by measure.
        over_images: Point and interval over images, by measure; one network's.
        interval_methods: How ``over_images`` was computed, by measure (``Wilson``, …).
        classes: Per-class results, in label order.
        confusion: Images by true class (row) and predicted class (column).
        ece: Expected calibration error.
        reliability: The bins behind it; empty bins left out.
        chain: From validation accuracy to test.
        published: Published figures on the same test part.
        resolvable: Difference in accuracy to a published figure that so many images show in 4 of
            5 cases.
        level: Confidence of the intervals.
    """

    candidate_id: str
    number: int
    look: int
    images: int
    per_seed: tuple[Mapping[str, float], ...]
    over_seeds: Mapping[str, Spread]
    over_images: Mapping[str, Spread] = field(default_factory=dict)
    interval_methods: Mapping[str, str] = field(default_factory=dict)
    fit_on: str = "train"
    epochs: float | None = None
    classes: tuple[ClassResult, ...] = ()
    confusion: tuple[tuple[int, ...], ...] = ()
    ece: float | None = None
    reliability: tuple[ReliabilityBin, ...] = ()
    chain: tuple[ChainLink, ...] = ()
    published: tuple[Published, ...] = ()
    resolvable: float | None = None
    level: float = 0.95
