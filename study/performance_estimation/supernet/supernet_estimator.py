"""``--estimator supernet``: score a candidate by its path through shared weights."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from study.network.forward import normalise
from study.performance_estimation.estimator import (
    Estimate,
    EstimateFailed,
    EstimatorContext,
    Report,
    Step,
)
from study.performance_estimation.supernet.paths import DRAWS, PathSource, blind_to, source
from study.performance_estimation.supernet.shared_weights import (
    SharedWeights,
    fresh_statistics,
    layers,
    path_scores,
)
from study.performance_estimation.supernet.supernet import Supernet, SupernetSettings
from study.performance_estimation.training.data import TrainingData, training_data
from study.performance_estimation.training.gradients import DTYPES, failing_without_memory
from study.performance_estimation.training.metrics import metrics
from study.performance_estimation.training.process import one_thread
from study.performance_estimation.training.training import VALIDATION_BATCH
from study.performance_estimation.zero_cost import ready
from study.search_space.candidate import Candidate
from study.search_space.resolve import Stack, resolve

CALIBRATION_BATCHES = 20
"""Batches of training images from which a path's batch-norm statistics are computed."""

_CALIBRATION_BATCH = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class SupernetEstimator:
    """Trains the shared weights once, then scores every candidate by one validation pass.

    With ``trials_per_epoch``, policy and weights are trained in turns, as in ENAS: the weights
    are trained for one epoch before the first trial, and for one more after every
    ``trials_per_epoch`` trials, on paths that the sampler draws.

    Args:
        paths: The paths of epochs for which the sampler draws none.
        trials_per_epoch: Trials between two epochs; 0 = all epochs before the first trial.
    """

    supernet: Supernet
    paths: PathSource
    trials_per_epoch: int = 0
    interrupted: Callable[[], bool] = lambda: False

    @classmethod
    def for_study(
        cls, context: EstimatorContext, *, epochs: int, paths: str, trials_per_epoch: int
    ) -> SupernetEstimator:
        folder = context.folder
        supernet = Supernet(
            space=context.space,
            image=context.image,
            data=training_data(context),
            settings=SupernetSettings(
                seed=context.seed,
                epochs=epochs,
                precision=context.precision,
                origin=f"{paths} {trials_per_epoch} {context.origin}",
            ),
            checkpoint=None if folder is None else folder / "supernet.pt",
        )
        return cls(
            supernet=supernet,
            paths=source(DRAWS[paths], context.space, context.image, seed=context.seed),
            trials_per_epoch=trials_per_epoch,
            interrupted=context.interrupted,
        )

    def epochs_due(self, finished: int) -> int:
        """Return the epochs that the shared weights need after ``finished`` trials."""
        epochs = self.supernet.settings.epochs
        if not self.trials_per_epoch:
            return epochs
        return min(epochs, 1 + finished // self.trials_per_epoch)

    def prepare(
        self,
        *,
        finished: int = 0,
        paths: PathSource | None = None,
        trained: Callable[[], None] = lambda: None,
    ) -> None:
        """Train the epochs that are due; return at once where there are none.

        Workers of one study call it one at a time, under the study's lock. The first trains, the
        others load its checkpoint.

        Args:
            finished: Finished trials of the study.
            paths: Draws paths from what the sampler has learned. The first epoch, before anything
                is learned, uses the estimator's own paths.
            trained: Called after every epoch, once its checkpoint is on disk.

        Raises:
            Interrupted: The context asked to stop; finished epochs are on disk.
            StudyError: The loss is not finite.
        """
        if self.supernet.epochs_trained >= self.epochs_due(finished):
            return
        self.supernet.restore()
        while self.supernet.epochs_trained < self.epochs_due(finished):
            drawn = paths if paths and self.supernet.epochs_trained else self.paths
            self.supernet.train_epoch(drawn, interrupted=self.interrupted)
            trained()

    def estimate(self, candidate: Candidate, *, seed: int, report: Report) -> Estimate:
        """Return the metrics of the candidate's path; ``seed`` has no effect.

        Raises:
            EstimateFailed: The metrics are not finite, or no step trained a layer of the
                candidate: a rare operation, or a head for a rare size of map.
        """
        if self.supernet.epochs_trained < self.epochs_due(0):
            self.prepare()
        start = time.perf_counter()
        measured = self._measure(resolve(candidate.architecture, self.supernet.image))
        seconds = time.perf_counter() - start
        report(Step(number=1, metrics=measured, seconds=seconds))
        return Estimate(
            metrics=measured,
            seconds=seconds,
            facts={
                "seed": self.supernet.settings.seed,
                "supernet_epochs": self.supernet.epochs_trained,
                "blind_to": list(blind_to(self.supernet.space)),
            },
        )

    def _measure(self, stack: Stack) -> dict[str, float]:
        supernet = self.supernet
        if not supernet.shared.has(stack):
            raise EstimateFailed("untrained", "no step trained a layer that this candidate has")
        dtype = DTYPES[supernet.settings.precision]
        with failing_without_memory(), one_thread():
            measured = path_metrics(supernet.shared, stack, supernet.data, dtype=dtype)
        if not all(map(math.isfinite, measured.values())):
            raise EstimateFailed("non-finite", f"the path's metrics are {measured}")
        return measured


@torch.no_grad()
def path_metrics(
    shared: SharedWeights, stack: Stack, data: TrainingData, *, dtype: torch.dtype
) -> dict[str, float]:
    """Return the metrics of a path on all validation images, named with their split.

    Activations differ from path to path, so statistics collected during training would be wrong
    for every path. They are computed for this path from training images.
    """
    weights = shared.weights(stack)
    statistics = fresh_statistics(stack, data.device)
    if statistics:
        _calibrate(stack, weights, statistics, data.train_images, dtype)
    layers(stack).eval()
    logits = [
        path_scores(stack, weights, statistics, normalise(images, dtype)).float()
        for images in torch.split(data.val_images, VALIDATION_BATCH)
    ]
    return {f"val_{name}": v for name, v in metrics(torch.cat(logits), data.val_labels).items()}


def _calibrate(
    stack: Stack,
    weights: dict[str, Tensor],
    statistics: dict[str, Tensor],
    images: Tensor,
    dtype: torch.dtype,
) -> None:
    """Set ``statistics`` to the mean over batches spread evenly over the training images."""
    ready(layers(stack))
    wanted = min(len(images), CALIBRATION_BATCHES * _CALIBRATION_BATCH)
    chosen = torch.linspace(0, len(images) - 1, wanted, device=images.device).long()
    for batch in torch.split(images[chosen], _CALIBRATION_BATCH):
        path_scores(stack, weights, statistics, normalise(batch, dtype))
