"""A closed form in place of a training: the fake beside the seam.

It runs the whole life of a study in milliseconds, needs neither data nor torch, and has what a
training has: a best region inside the space, noise that depends on the seed, a rising curve,
candidates that fail.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist
from types import MappingProxyType

from study.common.old_choices import Option, Options
from study.performance_estimation.estimator import Estimate, EstimateFailed, Report, Step
from study.search_space.candidate import OCTMNIST, Candidate, ImageFormat, Recipe
from study.search_space.resolve import Stack, candidate_id, complexity, resolve

OPTIONS: Options = MappingProxyType(
    {
        "epochs": Option(default=0, low=0, high=10_000, meaning="epochs; 0 = the recipe's own"),
        "delay": Option(default=0.0, low=0.0, high=3600.0, meaning="seconds an epoch takes"),
        "noise": Option(default=0.003, low=0.0, high=0.5, meaning="spread between two seeds"),
        "fail": Option(default=0.0, low=0.0, high=1.0, meaning="share of candidates that fail"),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SyntheticEstimator:
    """Scores a candidate by a smooth function of its size and its recipe.

    Args:
        image: What goes into the networks.
        epochs: Epochs reported; 0 for as many as the recipe asks for.
        delay: Seconds to wait before each report.
        noise: Standard deviation of the final accuracy between seeds.
        fail: Share of candidates that fail after their first epoch, whatever the seed.
    """

    image: ImageFormat = OCTMNIST
    epochs: int = 0
    delay: float = 0.0
    noise: float = 0.003
    fail: float = 0.0

    def estimate(self, candidate: Candidate, *, seed: int, report: Report) -> Estimate:
        """Return the closed form's metrics after the last epoch.

        Raises:
            EstimateFailed: The candidate is one of the share that fails.
        """
        identity = candidate_id(candidate, self.image)
        stack = resolve(candidate.architecture, self.image)
        ceiling = self._ceiling(stack, candidate.recipe, identity=identity, seed=seed)
        epochs = self.epochs or candidate.recipe.epochs
        for epoch in range(1, epochs + 1):
            if self.delay:
                time.sleep(self.delay)
            accuracy = self._rise(ceiling, epoch, depth=len(stack.blocks))
            metrics = _metrics(accuracy, self.image.classes)
            loss = metrics["val_loss"] + 0.1
            report(Step(number=epoch, metrics=metrics, train_loss=loss, seconds=self.delay))
            if _uniform("fail", identity) < self.fail:
                raise EstimateFailed("non-finite", f"loss is nan in epoch {epoch}")
        return Estimate(
            metrics=metrics,
            epochs=float(epochs),
            seconds=epochs * self.delay,
            facts={"seed": seed},
        )

    def _ceiling(self, stack: Stack, recipe: Recipe, *, identity: str, seed: int) -> float:
        """Return the accuracy that the curve tends to, between chance and one."""
        chance = 1 / self.image.classes
        draw = _uniform("noise", identity, seed)
        score = _merit(stack, recipe)
        noisy = chance + (0.97 - chance) * score + self.noise * NormalDist().inv_cdf(draw)
        return min(max(noisy, chance), 0.999)

    def _rise(self, ceiling: float, epoch: int, *, depth: int) -> float:
        """Return the accuracy after ``epoch``; deeper networks rise more slowly."""
        chance = 1 / self.image.classes
        missing = 0.6 * math.exp(-epoch * 1.5 / (1 + 0.2 * depth))
        return chance + (ceiling - chance) * (1 - missing)


def _merit(stack: Stack, recipe: Recipe) -> float:
    """Return how good a candidate is, in (0, 1]; the best one has about 1e5 parameters."""
    counts = complexity(stack)
    misfits = (
        0.25 * (math.log10(counts.parameters) - 5.0),
        0.20 * (math.log10(1 + counts.conv_macs) - 6.5),
        0.30 * (math.log10(recipe.learning_rate) + 2.5),
        0.40 * (stack.head.dropout - 0.3),
        0.05 * (math.log2(recipe.batch_size) - 7.0),
        0.20 if recipe.optimizer == "sgd" else 0.0,
    )
    return math.exp(-sum(misfit**2 for misfit in misfits))


def _metrics(accuracy: float, classes: int) -> Mapping[str, float]:
    balanced = 1 / classes + 0.9 * (accuracy - 1 / classes)
    return {
        "val_accuracy": accuracy,
        "val_loss": -math.log(accuracy),
        "val_balanced_accuracy": balanced,
        "val_auc": (1 + accuracy) / 2,
        "val_balanced_log_loss": -math.log(balanced),
    }


def _uniform(*words: object) -> float:
    """Return a number in (0, 1) that depends on ``words`` alone, in every process."""
    text = "/".join(map(str, words))
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "little") + 0.5) / 2**64
