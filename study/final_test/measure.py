"""Compute the result of ``test`` from the networks' class scores on the test part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from study.common.errors import EvaluationError
from study.final_test.metrics import (
    balanced_accuracy,
    confusion_matrix,
    expected_calibration_error,
    official_metrics,
    precisions,
    recalls,
    reliability,
    task_of,
)
from study.final_test.result import (
    ACCURACY,
    AUC,
    BALANCED,
    CALIBRATION,
    PUBLISHED,
    ChainLink,
    ClassResult,
    FinalTest,
    NetworkResult,
)
from study.statistics.bootstrap import (
    Floats,
    Labels,
    bootstrap,
    macro_auc,
    mean_of,
    mean_over_classes,
    weighted_mean,
)
from study.statistics.intervals import seed_spread, wilson
from study.statistics.results import Interval, Spread
from study.statistics.significance import (
    smallest_paired_difference,
    smallest_unpaired_difference,
)

DISCORDANCES = (0.10, 0.20)
"""Shares of images that exactly one of two good networks usually classifies correctly."""

_BOOTSTRAP_SEED = 0
_USUAL_SIZE = 28
"""Side of MedMNIST's images in pixels, which its file names leave out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnderTest:
    """The candidate that is tested, and its networks; the other fields are as in ``FinalTest``.

    Args:
        validation: ``val_accuracy`` and ``val_balanced_accuracy``, means over networks of this
            candidate; empty if nothing is known.
        validated: Which networks those are, for a reader.
        weights: Seed → SHA-256 of the network's weights, as a bundle stores them.
    """

    candidate_id: str
    number: int
    access: int
    dataset: str
    size: int
    class_names: tuple[str, ...]
    fit_on: str = "train"
    epochs: float | None = None
    validation: Mapping[str, float] = field(default_factory=dict)
    validated: str = "these networks"
    weights: Mapping[int, str] = field(default_factory=dict)


def final_test(
    scores: Mapping[int, NDArray[np.floating]],
    labels: Labels,
    *,
    tested: UnderTest,
) -> FinalTest:
    """Return the result of ``test``.

    Args:
        scores: Seed → class scores (logits) of its network, (n, classes); the exported first.
        labels: True classes, (n,).

    Raises:
        EvaluationError: Scores are missing, not finite or not of shape (n, classes).
    """
    if not scores:
        raise EvaluationError("no network to test; train the confirmed candidate first")
    shape = (len(labels), len(tested.class_names))
    probabilities = {seed: _probabilities(seed, found, shape) for seed, found in scores.items()}
    networks = tuple(
        _network_result(seed, shares, labels, tested=tested)
        for seed, shares in probabilities.items()
    )
    over_seeds = {
        name: seed_spread(name, [n.measures[name] for n in networks])
        for name in networks[0].measures
    }
    over_images = _bootstrap_intervals(list(probabilities.values()), labels)
    return FinalTest(
        candidate_id=tested.candidate_id,
        number=tested.number,
        access=tested.access,
        dataset=tested.dataset,
        size=tested.size,
        images=len(labels),
        fit_on=tested.fit_on,
        epochs=tested.epochs,
        networks=networks,
        over_seeds=over_seeds,
        mean_over_images={
            name: Spread(mean=over_seeds[name].mean, interval=interval)
            for name, interval in over_images.items()
        },
        classes=_classes(tested.class_names, np.array(networks[0].confusion)),
        reliability=reliability(next(iter(probabilities.values())), labels),
        chain=_chain(tested, over_seeds, labels),
        validated=tested.validated if tested.validation else "",
        published=PUBLISHED.get((tested.dataset, tested.size), ()),
        resolvable=smallest_unpaired_difference(len(labels), accuracy=over_seeds[ACCURACY].mean),
        resolvable_paired=(
            smallest_paired_difference(len(labels), discordance=DISCORDANCES[0]),
            smallest_paired_difference(len(labels), discordance=DISCORDANCES[1]),
        ),
    )


def _probabilities(seed: int, scores: NDArray[np.floating], shape: tuple[int, int]) -> Floats:
    if scores.shape != shape:
        raise EvaluationError(f"scores of seed {seed}: shape {scores.shape}, expected {shape}")
    if not np.isfinite(scores).all():
        raise EvaluationError(f"scores of seed {seed} are not finite; its training has diverged")
    shares: Floats = softmax(scores.astype(np.float64), axis=1)
    return shares


def _network_result(
    seed: int, probabilities: Floats, labels: Labels, *, tested: UnderTest
) -> NetworkResult:
    confusion = confusion_matrix(labels, probabilities.argmax(axis=1), probabilities.shape[1])
    accuracy, auc = official_metrics(probabilities, labels, task=task_of(tested.dataset))
    return NetworkResult(
        seed=seed,
        measures={
            ACCURACY: accuracy,
            BALANCED: balanced_accuracy(confusion),
            AUC: auc,
            CALIBRATION: expected_calibration_error(reliability(probabilities, labels)),
        },
        intervals={
            **_bootstrap_intervals([probabilities], labels),
            ACCURACY: wilson(int(np.trace(confusion)), len(labels)),
        },
        confusion=tuple(tuple(map(int, row)) for row in confusion),
        weights=tested.weights.get(seed, ""),
    )


def _bootstrap_intervals(networks: Sequence[Floats], labels: Labels) -> dict[str, Interval]:
    """Return intervals over images of each measure's mean over networks."""
    hits = np.mean([shares.argmax(axis=1) == labels for shares in networks], axis=0)
    statistics = {
        ACCURACY: weighted_mean(hits),
        BALANCED: mean_over_classes(hits, labels),
        AUC: mean_of([macro_auc(shares, labels) for shares in networks]),
    }
    found = {
        name: bootstrap(statistic, labels, seed=_BOOTSTRAP_SEED)
        for name, statistic in statistics.items()
    }
    return {name: interval for name, interval in found.items() if interval is not None}


def _classes(names: Sequence[str], confusion: NDArray[np.int64]) -> tuple[ClassResult, ...]:
    hits, rows, columns = np.diagonal(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    recall, precision = recalls(confusion), precisions(confusion)
    return tuple(
        ClassResult(
            name=name,
            images=int(rows[c]),
            recall=float(recall[c]) if rows[c] else None,
            precision=float(precision[c]) if columns[c] else None,
            recall_interval=_wilson_or_none(hits[c], rows[c]),
            precision_interval=_wilson_or_none(hits[c], columns[c]),
        )
        for c, name in enumerate(names)
    )


def _wilson_or_none(hits: int, total: int) -> Interval | None:
    return wilson(int(hits), int(total)) if total else None


def _chain(
    tested: UnderTest, over_seeds: Mapping[str, Spread], labels: Labels
) -> tuple[ChainLink, ...]:
    """Return the steps from validation accuracy to test accuracy, means over networks.

    The first step removes the advantage of unequal class shares. The second is the difference of
    the images: other patients, other devices. The accuracy on a balanced test part is balanced.
    """
    steps = {
        "validation accuracy": tested.validation.get("val_accuracy"),
        "validation balanced accuracy": tested.validation.get("val_balanced_accuracy"),
        "test accuracy": over_seeds[ACCURACY].mean,
    }
    if len(set(np.bincount(labels, minlength=len(tested.class_names)))) > 1:
        steps["test balanced accuracy"] = over_seeds[BALANCED].mean
    return tuple(
        ChainLink(name=name, value=value) for name, value in steps.items() if value is not None
    )


def prediction_files(
    scores: Mapping[int, NDArray[np.floating]], result: FinalTest
) -> dict[str, str]:
    """Return the name and the text of a file of predictions for each network.

    The files have MedMNIST's format, so that anyone can check the figures:
    ``python -m medmnist evaluate --path FILE`` computes accuracy and AUC from a file.

    Args:
        scores: The scores that ``final_test`` made the result of.
    """
    files = {}
    size = "" if result.size == _USUAL_SIZE else f"_{result.size}"
    shape = (result.images, len(result.classes))
    for network in result.networks:
        shares = _probabilities(network.seed, scores[network.seed], shape)
        name = (
            f"{result.dataset}{size}_test_[AUC]{network.measures[AUC]:.3f}_"
            f"[ACC]{network.measures[ACCURACY]:.3f}@{network.seed}.csv"
        )
        files[name] = "".join(
            f"{index},{','.join(map(repr, row))}\n" for index, row in enumerate(shares.tolist())
        )
    return files
