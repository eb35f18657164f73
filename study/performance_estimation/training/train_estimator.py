"""``--estimator train``: train a candidate and validate it after every epoch."""

from __future__ import annotations

from dataclasses import dataclass

from study.common.artifact_path import ArtifactPath
from study.performance_estimation.estimator import Estimate, EstimatorContext, Report
from study.performance_estimation.training.data import TrainingData, training_data
from study.performance_estimation.training.gradients import failing_without_memory
from study.performance_estimation.training.training import (
    Training,
    TrainingSettings,
    Watch,
    train,
)
from study.search_space.candidate import Candidate
from study.search_space.resolve import candidate_id, resolve


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainEstimator:
    """Trains candidates on one set of images."""

    context: EstimatorContext
    data: TrainingData

    @classmethod
    def for_study(cls, context: EstimatorContext) -> TrainEstimator:
        return cls(context=context, data=training_data(context))

    def estimate(self, candidate: Candidate, *, seed: int, report: Report) -> Estimate:
        """Return the metrics after the last epoch."""
        watch = Watch(report=report, interrupted=self.context.interrupted)
        with failing_without_memory():  # for weights or optimiser, for example
            training = self.train(candidate, seed=seed, watch=watch)
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
        """Train a candidate, continuing from its checkpoint where there is one."""
        return train(
            resolve(candidate.architecture, self.context.image),
            candidate.recipe,
            self.data,
            settings=TrainingSettings(
                seed=seed, epochs=candidate.recipe.epochs, precision=self.context.precision
            ),
            watch=watch,
            checkpoint=self.checkpoint_path(candidate, seed=seed),
        )

    def checkpoint_path(self, candidate: Candidate, *, seed: int) -> ArtifactPath | None:
        folder = self.context.folder
        if folder is None:
            return None
        name = candidate_id(candidate, self.context.image)
        return folder / (f"{name}.{seed}.pt" if self.context.several_seeds else f"{name}.pt")
