"""``--estimator supernet``: score a candidate by its path through shared weights.

A score is no promise: shared weights rank candidates worse than training does. The best ones have
to be trained from scratch before anything is claimed of them.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from study.performance_estimation.estimator import Estimate, EstimateFailed, Report, Step
from study.performance_estimation.failures import is_out_of_memory
from study.performance_estimation.supernet.supernet import Supernet, SupernetCost, SupernetSettings
from study.performance_estimation.supernet.supernet_paths import (
    DRAWS,
    PathSource,
    blind_to,
    source,
)
from study.performance_estimation.supernet.supernet_scores import path_metrics
from study.performance_estimation.training.checkpoint import Checkpoint
from study.performance_estimation.training.one_thread import one_thread
from study.performance_estimation.training.precision import DTYPES
from study.search_space.candidate import Candidate
from study.search_space.resolve import Stack, resolve

if TYPE_CHECKING:
    from study.performance_estimation.registry import EstimatorContext


@dataclass(frozen=True, slots=True, kw_only=True)
class SupernetEstimator:
    """Trains the shared weights once, then scores every candidate by one validation pass.

    With ``trials_per_epoch``, policy and weights are trained in turns, as in ENAS: the weights
    get one epoch at first and another one after so many trials, on paths that the sampler draws.

    Args:
        supernet: The shared weights.
        paths: What their own training trains.
        trials_per_epoch: Trials between two epochs; 0 where all are trained before the first.
        interrupted: Asked before every step.
    """

    supernet: Supernet
    paths: PathSource
    trials_per_epoch: int = 0
    interrupted: Callable[[], bool] = lambda: False

    @classmethod
    def for_study(
        cls, context: EstimatorContext, *, epochs: int, paths: str, trials_per_epoch: int
    ) -> SupernetEstimator:
        """Return the estimator of a study, with what its folder holds of the shared weights.

        Args:
            context: The study and the process.
            epochs: Epochs of the shared weights in all.
            paths: A name of ``DRAWS``.
            trials_per_epoch: See the class.

        Raises:
            SettingsError: The space's recipe varies.
        """
        from study.performance_estimation.training.train_estimator import training_data

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
            checkpoint=None if folder is None else Checkpoint(path=folder / "supernet.pt"),
        )
        return cls(
            supernet=supernet,
            paths=source(DRAWS[paths], context.space, context.image, seed=context.seed),
            trials_per_epoch=trials_per_epoch,
            interrupted=context.interrupted,
        )

    @property
    def cost(self) -> SupernetCost:
        """What the shared weights have cost so far: a fixed cost of the study."""
        return self.supernet.cost

    def epochs_due(self, finished: int) -> int:
        """Return the epochs that the shared weights should have after so many trials."""
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
        """Train the shared weights as far as they should be; return at once where they are.

        Workers of one study call it one at a time, under the study's lock: the first trains, the
        others find its checkpoint.

        Args:
            finished: Finished trials of the study.
            paths: What the sampler wants trained; the first epoch, before there is anything to
                learn from, is on the estimator's own paths.
            trained: Called after every epoch, once it is on disk.

        Raises:
            Interrupted: The study asked for it; finished epochs are on disk.
            StudyError: The loss is not finite.
        """
        if self.supernet.epochs_trained >= self.epochs_due(finished):
            return
        self.supernet.restore()
        while self.supernet.epochs_trained < self.epochs_due(finished):
            own = paths is None or self.supernet.epochs_trained == 0
            self.supernet.train_epoch(
                self.paths if own or paths is None else paths, interrupted=self.interrupted
            )
            trained()

    def estimate(self, candidate: Candidate, *, seed: int, report: Report) -> Estimate:
        """See ``Estimator``. One step is reported; the weights' seed is the study's.

        Raises:
            EstimateFailed: The metrics are not finite, or no step trained what the candidate
                alone has: a rare operation, or a head for a rare size of map.
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
        try:
            with one_thread():
                measured = path_metrics(supernet.shared, stack, supernet.data, dtype=dtype)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            raise EstimateFailed("out of memory", "the path does not fit") from error
        if not all(map(math.isfinite, measured.values())):
            raise EstimateFailed("non-finite", f"the path's metrics are {measured}")
        return measured
