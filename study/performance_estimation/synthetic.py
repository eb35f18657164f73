"""A closed form in place of a training, for tests and for trying things out.

A study with it takes milliseconds and needs neither data nor torch. It has the properties of a
training: a best region inside the space, noise that depends on the seed, a rising curve, and
candidates that fail.
"""

from __future__ import annotations

import dataclasses
import hashlib
import math
import time
from collections.abc import Mapping
from statistics import NormalDist
from typing import Annotated, ClassVar

from pydantic import Field
from pydantic.dataclasses import dataclass

from study.performance_estimation.estimator import (
    Estimate,
    EstimateFailed,
    EstimatorContext,
    EstimatorOptions,
    Report,
    Step,
)
from study.search_space.candidate import OCTMNIST, Candidate, ImageFormat, Recipe
from study.search_space.resolve import Stack, candidate_id, complexity, resolve


@dataclass(frozen=True, kw_only=True)
class SyntheticOptions(EstimatorOptions):
    """A closed form, for trying things out without any training."""

    name: ClassVar[str] = "synthetic"
    needs_data: ClassVar[bool] = False

    epochs: Annotated[int, Field(ge=0, le=10_000, description="epochs; 0 = the recipe's own")] = 0
    delay: Annotated[float, Field(ge=0.0, le=3600.0, description="seconds an epoch takes")] = 0.0
    noise: Annotated[
        float, Field(ge=0.0, le=0.5, description="standard deviation between seeds")
    ] = 0.003
    fail: Annotated[
        float, Field(ge=0.0, le=1.0, description="share of candidates that fail, with any seed")
    ] = 0.0

    def candidate_epochs(self, recipe_epochs: int) -> int:
        return self.epochs or recipe_epochs

    def make(self, context: EstimatorContext) -> SyntheticEstimator:
        return SyntheticEstimator(image=context.image, options=self)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SyntheticEstimator:
    """Scores a candidate by a smooth function of its size and its recipe."""

    image: ImageFormat = OCTMNIST
    options: SyntheticOptions = dataclasses.field(default_factory=SyntheticOptions)

    def estimate(self, candidate: Candidate, *, seed: int, report: Report) -> Estimate:
        """Return the closed form's metrics after the last epoch."""
        identity = candidate_id(candidate, self.image)
        stack = resolve(candidate.architecture, self.image)
        ceiling = self._ceiling(stack, candidate.recipe, identity=identity, seed=seed)
        options = self.options
        epochs = options.candidate_epochs(candidate.recipe.epochs)
        for epoch in range(1, epochs + 1):
            if options.delay:
                time.sleep(options.delay)
            accuracy = self._rise(ceiling, epoch, depth=len(stack.blocks))
            metrics = _metrics(accuracy, self.image.classes)
            loss = metrics["val_loss"] + 0.1
            report(Step(number=epoch, metrics=metrics, train_loss=loss, seconds=options.delay))
            if _uniform("fail", identity) < options.fail:
                raise EstimateFailed("non-finite", f"loss is nan in epoch {epoch}")
        return Estimate(
            metrics=metrics,
            epochs=float(epochs),
            seconds=epochs * options.delay,
            facts={"seed": seed},
        )

    def _ceiling(self, stack: Stack, recipe: Recipe, *, identity: str, seed: int) -> float:
        """Return the limit of the accuracy curve, between chance and one."""
        chance = 1 / self.image.classes
        draw = _uniform("noise", identity, seed)
        score = _merit(stack, recipe)
        noisy = chance + (0.97 - chance) * score + self.options.noise * NormalDist().inv_cdf(draw)
        return min(max(noisy, chance), 0.999)

    def _rise(self, ceiling: float, epoch: int, *, depth: int) -> float:
        """Return the accuracy after ``epoch``; deeper networks rise more slowly."""
        chance = 1 / self.image.classes
        missing = 0.6 * math.exp(-epoch * 1.5 / (1 + 0.2 * depth))
        return chance + (ceiling - chance) * (1 - missing)


def _merit(stack: Stack, recipe: Recipe) -> float:
    """Return the quality of a candidate, in (0, 1]; the best has about 1e5 parameters."""
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
