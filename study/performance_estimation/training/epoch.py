"""One pass over the training images, and one over the validation images."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn, optim

from study.network.forward import normalise
from study.performance_estimation.failures import Interrupted, NonFiniteLoss
from study.performance_estimation.training.augmentation import EpochPlan, gather, plan_epoch
from study.performance_estimation.training.cuda_graph import graphed_if_possible
from study.performance_estimation.training.gradients import (
    EagerGradients,
    Gradients,
    halved,
    until_it_fits,
)
from study.performance_estimation.training.loss import training_loss
from study.performance_estimation.training.metrics import confusion, metrics
from study.performance_estimation.training.optimizers import set_learning_rate
from study.performance_estimation.training.precision import DTYPES
from study.performance_estimation.training.schedule import learning_rate
from study.performance_estimation.training.seeds import derived_seed
from study.search_space.candidate import Recipe

if TYPE_CHECKING:
    from study.performance_estimation.training.training import TrainingData, TrainingSettings

VALIDATION_BATCH = 512


class Epochs:
    """Trains and validates a network, an epoch at a time.

    Args:
        network: On the device of the data.
        optimizer: Over its parameters.
        recipe: How it is trained.
        data: What it is trained and validated on.
        settings: Seed, epochs, precision and micro-batch.
        classes: Scores that the network returns.

    Attributes:
        confusion: Validation images by true class (row) and predicted class (column), of the
            last validation in this process; None before the first.
    """

    def __init__(
        self,
        network: nn.Sequential,
        optimizer: optim.Optimizer,
        recipe: Recipe,
        data: TrainingData,
        settings: TrainingSettings,
        *,
        classes: int,
    ) -> None:
        self._network, self._optimizer = network, optimizer
        self._recipe, self._data, self._settings = recipe, data, settings
        self._dtype = DTYPES[settings.precision]
        loss = training_loss(recipe, data.train_labels, classes=classes)
        self._eager = EagerGradients(
            network,
            loss,
            dtype=self._dtype,
            micro_batch=settings.micro_batch or recipe.batch_size,
        )
        self._gradients: Gradients | None = None
        self._validation_batch = min(VALIDATION_BATCH, len(data.val_labels))
        self.confusion: tuple[tuple[int, ...], ...] | None = None
        self._steps = math.ceil(len(data.train_labels) / recipe.batch_size)

    @property
    def micro_batch(self) -> int:
        """Images at a time: fewer than the batch where memory was short."""
        return self._eager.micro_batch

    def train(self, epoch: int, interrupted: Callable[[], bool]) -> float:
        """Train one epoch and return its mean loss.

        Raises:
            Interrupted: ``interrupted`` said so before a batch.
            NonFiniteLoss: The loss became infinite or not a number.
            OutOfMemory: Not even the smallest micro-batch fits.
        """
        self._network.train()
        data, size = self._data, self._recipe.batch_size
        plan = plan_epoch(self._recipe, data.train_labels, seed=self._settings.seed, epoch=epoch)
        labels = data.train_labels[plan.order]
        losses = []
        for step in range(self._steps):
            if interrupted():
                raise Interrupted
            start, stop = step * size, min((step + 1) * size, len(labels))
            loss = self._step(plan, labels, start, stop, epoch=epoch, step=step)
            losses.append(loss)
            if loss.device.type == "cpu" and not math.isfinite(loss):  # a GPU would have to wait
                break
        return self._mean_loss(torch.stack(losses), epoch)

    def _step(
        self, plan: EpochPlan, labels: Tensor, start: int, stop: int, *, epoch: int, step: int
    ) -> Tensor:
        images, targets = gather(self._data.train_images, plan, start, stop), labels[start:stop]
        if self._gradients is None:
            self._gradients = graphed_if_possible(self._eager, images, targets)
        seed = derived_seed(self._settings.seed, "dropout", epoch, step)
        loss = self._gradients(images, targets, seed=seed)
        done = (epoch - 1) * self._steps + step
        rate = learning_rate(
            self._recipe.schedule,
            peak=self._recipe.learning_rate,
            step=done,
            steps=self._settings.epochs * self._steps,
        )
        set_learning_rate(self._optimizer, rate)
        self._optimizer.step()
        return loss

    def _mean_loss(self, losses: Tensor, epoch: int) -> float:
        """Return the mean over images.

        The weights are looked at too: a broken one need not show in the loss, as ``ReluMaxPool``
        can turn what is not a number into 0.
        """
        finite = torch.isfinite(losses)
        if not bool(finite.all()):
            raise NonFiniteLoss(epoch=epoch, step=int((~finite).nonzero()[0]) + 1)
        if not all(bool(torch.isfinite(x).all()) for x in self._network.state_dict().values()):
            raise NonFiniteLoss(epoch=epoch, step=self._steps)
        sizes = torch.full_like(losses, float(self._recipe.batch_size))
        sizes[-1] = len(self._data.train_labels) - (self._steps - 1) * self._recipe.batch_size
        return float((losses * sizes).sum() / sizes.sum())

    @torch.inference_mode()
    def validate(self, epoch: int, interrupted: Callable[[], bool]) -> Mapping[str, float]:
        """Return the validation metrics, named with their split; keep ``confusion``.

        Raises:
            Interrupted: ``interrupted`` said so before a batch.
            NonFiniteLoss: A class score is infinite or not a number.
            OutOfMemory: Not even the smallest batch fits.
        """
        self._network.eval()
        scores = self._scores(interrupted)
        if not bool(torch.isfinite(scores).all()):
            raise NonFiniteLoss(epoch=epoch, step=self._steps + 1)
        found = metrics(scores, self._data.val_labels)
        self.confusion = confusion(scores, self._data.val_labels)
        return {f"val_{name}": value for name, value in found.items()}

    def _scores(self, interrupted: Callable[[], bool]) -> Tensor:
        """Return the class scores of the validation images, in smaller batches if memory is short.

        A score does not depend on the batch it is computed in but for rounding.
        """

        def halve() -> None:
            self._validation_batch = halved(self._validation_batch)

        return until_it_fits(lambda: self._scored(interrupted), halve)

    def _scored(self, interrupted: Callable[[], bool]) -> Tensor:
        logits = []
        for images in torch.split(self._data.val_images, self._validation_batch):
            if interrupted():
                raise Interrupted
            logits.append(self._network(normalise(images, self._dtype)).float())
        return torch.cat(logits)
