"""The final test: networks trained with fresh seeds, measured on the test part.

Two kinds of figures come out of it. *Over seeds*: what training this candidate gives on average,
and how far a single training strays. *Of one network*: that of the first seed, fixed before the
test part was opened, which is the one that is exported; its intervals are over images. Choosing
the seed that did best on the test part would be choosing by the test part.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from study.common.errors import EvaluationError
from study.confirmation.confirm import seed_spread
from study.final_test.network_result import (
    ACCURACY,
    AUC,
    BALANCED,
    CALIBRATION,
    Floats,
    Labels,
    NetworkResult,
    bootstrap_intervals,
    network_result,
    probabilities_of,
)
from study.final_test.official_metrics import task_of
from study.final_test.published import published_figures
from study.results import outcomes
from study.statistics.calibration import reliability
from study.statistics.comparison import smallest_unpaired_difference
from study.statistics.confusion import precisions, recalls
from study.statistics.intervals import LEVEL, Interval, wilson


@dataclass(frozen=True, slots=True, kw_only=True)
class UnderTest:
    """What is tested, and how it came about.

    Args:
        candidate_id: The candidate.
        number: The search's trial that found it.
        look: Number of this look at the test part, from 1.
        dataset: Name of the data set.
        size: Side of its images in pixels.
        class_names: One for each class.
        fit_on: ``train`` or ``train+val``.
        epochs: Epochs of each training.
        validation: ``val_accuracy`` and ``val_balanced_accuracy``, means over networks of this
            candidate; empty where nothing is known.
        validated: Which networks those are, as ``these networks`` or ``the confirmation's``.
        weights: SHA-256 of each network's weights as a bundle holds them, in the order of the
            scores.
    """

    candidate_id: str
    number: int
    look: int
    dataset: str
    size: int
    class_names: tuple[str, ...]
    fit_on: str = "train"
    epochs: float | None = None
    validation: Mapping[str, float] = field(default_factory=dict)
    validated: str = "these networks"
    weights: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassResult(outcomes.ClassResult):
    """How one class fared, with Wilson's intervals over its images and over its predictions."""

    recall_interval: Interval | None = None
    precision_interval: Interval | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalTest(outcomes.FinalTest):
    """What the final test found; ``over_images``, classes and calibration are the first seed's.

    Args:
        dataset: Name of the data set.
        size: Side of its images in pixels.
        networks: Every network's figures, in the order of the seeds as they were given.
        mean_over_images: Interval over images of the mean over seeds, by measure.
        validated: Which networks the validation figures of the chain come from.
        weights: SHA-256 of each network's weights, in the order of the seeds; empty in results
            that were stored before it was kept.
    """

    dataset: str
    size: int
    networks: tuple[NetworkResult, ...]
    mean_over_images: Mapping[str, outcomes.Spread]
    classes: tuple[ClassResult, ...]
    validated: str = ""
    weights: tuple[str, ...] = ()

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds of the networks, the exported one first."""
        return tuple(network.seed for network in self.networks)


def final_test(
    scores: Mapping[int, NDArray[np.floating]],
    labels: Labels,
    *,
    tested: UnderTest,
    level: float = LEVEL,
) -> FinalTest:
    """Return the figures of the networks on the test part.

    Args:
        scores: Seed → class scores (logits) of its network, (n, classes); the exported first.
        labels: True classes, (n,).
        tested: What they belong to.
        level: Confidence of the intervals.

    Raises:
        EvaluationError: Scores are missing, not finite or not of the form (n, classes).
    """
    classes = len(tested.class_names)
    probabilities = {
        seed: probabilities_of(seed, values, len(labels), classes)
        for seed, values in scores.items()
    }
    if not probabilities:
        raise EvaluationError("no network to test; train the confirmed candidate first")
    task = task_of(tested.dataset)
    networks = tuple(
        network_result(seed, shares, labels, task=task, level=level)
        for seed, shares in probabilities.items()
    )
    first = networks[0]
    bins = reliability(next(iter(probabilities.values())), labels)
    over_seeds = {
        name: seed_spread(name, [n.measures[name] for n in networks], level=level)
        for name in first.measures
    }
    return FinalTest(
        candidate_id=tested.candidate_id,
        number=tested.number,
        look=tested.look,
        dataset=tested.dataset,
        size=tested.size,
        fit_on=tested.fit_on,
        epochs=tested.epochs,
        images=len(labels),
        networks=networks,
        per_seed=tuple(network.measures for network in networks),
        over_seeds=over_seeds,
        over_images=_over_images(first),
        interval_methods={ACCURACY: "Wilson", BALANCED: "bootstrap", AUC: "bootstrap"},
        mean_over_images=_mean_over_images(
            list(probabilities.values()), labels, over_seeds, level
        ),
        classes=_classes(tested.class_names, np.array(first.confusion), level),
        confusion=first.confusion,
        ece=first.measures[CALIBRATION],
        reliability=tuple(
            outcomes.ReliabilityBin(confidence=b.confidence, accuracy=b.accuracy, images=b.images)
            for b in bins
            if b.confidence is not None and b.accuracy is not None
        ),
        chain=_chain(tested, over_seeds, labels),
        validated=tested.validated if tested.validation else "",
        weights=tested.weights,
        published=published_figures(tested.dataset, tested.size),
        resolvable=smallest_unpaired_difference(
            len(labels), accuracy=over_seeds[ACCURACY].mean, level=level
        ),
        level=level,
    )


def _over_images(network: NetworkResult) -> dict[str, outcomes.Spread]:
    intervals = {**network.bootstrap, ACCURACY: network.wilson}
    return {
        name: outcomes.Spread(mean=network.measures[name], low=interval.low, high=interval.high)
        for name, interval in intervals.items()
    }


def _mean_over_images(
    networks: Sequence[Floats],
    labels: Labels,
    over_seeds: Mapping[str, outcomes.Spread],
    level: float,
) -> dict[str, outcomes.Spread]:
    intervals = bootstrap_intervals(networks, labels, level=level)
    return {
        name: outcomes.Spread(mean=over_seeds[name].mean, low=interval.low, high=interval.high)
        for name, interval in intervals.items()
    }


def _classes(
    names: Sequence[str], confusion: NDArray[np.int64], level: float
) -> tuple[ClassResult, ...]:
    hits, rows, columns = np.diagonal(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    recall, precision = recalls(confusion), precisions(confusion)
    return tuple(
        ClassResult(
            name=name,
            images=int(rows[c]),
            recall=float(recall[c]) if rows[c] else None,
            precision=float(precision[c]) if columns[c] else None,
            recall_interval=_wilson_or_none(hits[c], rows[c], level),
            precision_interval=_wilson_or_none(hits[c], columns[c], level),
        )
        for c, name in enumerate(names)
    )


def _wilson_or_none(hits: int, total: int, level: float) -> Interval | None:
    return wilson(int(hits), int(total), level=level) if total else None


def _chain(
    tested: UnderTest, over_seeds: Mapping[str, outcomes.Spread], labels: Labels
) -> tuple[outcomes.ChainLink, ...]:
    """Return the steps from validation accuracy to test, means over networks.

    What the first step loses is the unequal share of classes, what the second loses is the rest:
    other patients, other devices. In a balanced test part accuracy is balanced already.
    """
    steps = {
        "validation accuracy": tested.validation.get("val_accuracy"),
        "validation balanced accuracy": tested.validation.get("val_balanced_accuracy"),
        "test accuracy": over_seeds[ACCURACY].mean,
    }
    if len(set(np.bincount(labels, minlength=len(tested.class_names)))) > 1:
        steps["test balanced accuracy"] = over_seeds[BALANCED].mean
    return tuple(
        outcomes.ChainLink(name=name, value=value)
        for name, value in steps.items()
        if value is not None
    )
