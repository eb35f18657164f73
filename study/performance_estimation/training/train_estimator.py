"""``--estimator train``: train a candidate at a fidelity and validate it after every epoch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from study.common.artifact_path import ArtifactPath
from study.performance_estimation.estimator import (
    Estimate,
    EstimateFailed,
    Report,
    Step,
)
from study.performance_estimation.failures import NonFiniteLoss, OutOfMemory, is_out_of_memory
from study.performance_estimation.training.checkpoint import Checkpoint
from study.performance_estimation.training.training import (
    EpochResult,
    Training,
    TrainingData,
    TrainingSettings,
    Watch,
    train,
)
from study.search_space.candidate import Candidate
from study.search_space.resolve import candidate_id, resolve

if TYPE_CHECKING:
    from study.performance_estimation.registry import EstimatorContext


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainEstimator:
    """Trains candidates on one set of images.

    Args:
        context: The study and the process.
        data: The images at the study's fidelity, on its device.
    """

    context: EstimatorContext
    data: TrainingData

    @classmethod
    def for_study(cls, context: EstimatorContext) -> TrainEstimator:
        """Return the estimator, its images cut to the fidelity and moved to the device."""
        return cls(context=context, data=training_data(context))

    def estimate(self, candidate: Candidate, *, seed: int, report: Report) -> Estimate:
        """See ``Estimator``.

        Raises:
            EstimateFailed: Non-finite loss, or no memory even for the smallest micro-batch.
            Interrupted: The study asked for it; the last epoch's checkpoint is on disk.
        """
        watch = Watch(
            report=lambda result: report(_step(result)), interrupted=self.context.interrupted
        )
        try:
            training = self.train(candidate, seed=seed, watch=watch)
        except NonFiniteLoss as failure:
            raise EstimateFailed("non-finite", str(failure)) from failure
        except OutOfMemory as failure:
            raise EstimateFailed("out of memory", str(failure)) from failure
        except (RuntimeError, MemoryError) as error:  # for weights or optimiser, say
            if not is_out_of_memory(error):
                raise
            raise EstimateFailed("out of memory", _first_line(error)) from error
        return Estimate(
            metrics=training.metrics,
            epochs=float(training.epochs_trained),
            seconds=training.seconds,
            facts={
                "seed": seed,
                "precision": self.context.precision,
                "device": str(self.data.device),
                "micro_batch": training.micro_batch,
                "confusion": training.confusion,
            },
        )

    def train(self, candidate: Candidate, *, seed: int, watch: Watch | None = None) -> Training:
        """Train a candidate, or take up what its checkpoint holds: for a finished one, all of it.

        Raises:
            NonFiniteLoss: The loss became infinite or not a number.
            OutOfMemory: Not even the smallest micro-batch fits.
            Interrupted: ``watch`` asked for it.
        """
        recipe, fidelity = candidate.recipe, self.context.fidelity
        path = self.checkpoint_path(candidate, seed=seed)
        return train(
            resolve(candidate.architecture, self.context.image),
            recipe,
            self.data,
            settings=TrainingSettings(
                seed=seed,
                epochs=fidelity.epochs or recipe.epochs,
                precision=self.context.precision,
            ),
            watch=watch,
            checkpoint=None if path is None else Checkpoint(path=path),
        )

    def checkpoint_path(self, candidate: Candidate, *, seed: int) -> ArtifactPath | None:
        """Return where the training of a candidate is kept between its epochs."""
        folder = self.context.folder
        if folder is None:
            return None
        name = candidate_id(candidate, self.context.image)
        return folder / (f"{name}.{seed}.pt" if self.context.seeds_apart else f"{name}.pt")


def training_data(context: EstimatorContext) -> TrainingData:
    """Return the images of a study at its fidelity, on its device."""
    data, fidelity = context.data, context.fidelity
    assert data is not None
    images, labels = data.train_images, data.train_labels
    if fidelity.fraction < 1.0:
        from study.data.stratified import stratified_subset

        chosen = stratified_subset(labels, fidelity.fraction, seed=context.seed)
        images, labels = images[chosen], labels[chosen]
    val_images = data.val_images
    if context.image.size != data.image.size:
        from study.data.resize import resize

        images, val_images = (resize(part, context.image.size) for part in (images, val_images))
    device = context.device
    return TrainingData(
        train_images=images.to(device),
        train_labels=labels.to(device),
        val_images=val_images.to(device),
        val_labels=data.val_labels.to(device),
        origin=f"{data.sha256} {len(labels)}",
    )


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0] or type(error).__name__


def _step(result: EpochResult) -> Step:
    return Step(
        number=result.epoch,
        metrics=result.metrics,
        train_loss=result.train_loss,
        seconds=None if result.restored else result.seconds,
    )
