"""Train one candidate and validate it after every epoch: fast, and the same bytes every time.

On the CPU a training is a function of (stack, recipe, data, settings). It runs on one thread, so
neither the number of cores nor earlier work in the process changes a bit. A killed training
continues from its checkpoint to the same bytes. Several processes of one thread each are faster
than several threads for networks this small.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn

from study.common.artifact_path import ArtifactPath
from study.network.build import build
from study.network.forward import normalise
from study.performance_estimation.estimator import EstimateFailed, Interrupted, Report, Step
from study.performance_estimation.training.checkpoint import load_checkpoint, save_checkpoint
from study.performance_estimation.training.data import (
    TrainingData,
    batch_of,
    plan_epoch,
    planned_targets,
)
from study.performance_estimation.training.gradients import (
    DTYPES,
    EagerGradients,
    Gradients,
    graphed_if_possible,
    halved,
    until_it_fits,
)
from study.performance_estimation.training.metrics import confusion, metrics
from study.performance_estimation.training.process import (
    derived_generator,
    derived_seed,
    keep_freed_memory,
    one_thread,
)
from study.performance_estimation.training.recipe import (
    averaged,
    build_optimizer,
    set_learning_rate,
    training_loss,
)
from study.search_space.candidate import Recipe
from study.search_space.resolve import Stack, resolved_recipe

VALIDATION_BATCH = 512


class NonFiniteLoss(EstimateFailed):
    """The loss became infinite or not a number.

    Args:
        epoch: From 1.
        step: From 1, within the epoch; validation counts as the step after the last.
    """

    def __init__(self, *, epoch: int, step: int) -> None:
        super().__init__("non-finite", f"the loss is not finite at epoch {epoch}, step {step}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSettings:
    """What a training depends on besides its candidate and its data.

    Args:
        seed: Determines weights, order of images, augmentation and dropout.
        epochs: Passes over the training images; schedules are compressed to them.
        precision: A name of ``DTYPES``.
        micro_batch: Largest number of images at a time; None for whole batches.
    """

    seed: int
    epochs: int
    precision: str = "float32"
    micro_batch: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """A finished training.

    Args:
        network: In evaluation mode, on the device of the data.
        results: One for each epoch, restored epochs included.
        seconds: Time spent in this process.
        epochs_trained: Epochs trained in this process.
        micro_batch: Images at a time at the end: fewer than the batch where memory was short.
        confusion: Validation images by true class (row) and predicted class (column); None where
            every epoch was restored.
    """

    network: nn.Module
    results: tuple[Step, ...]
    seconds: float
    epochs_trained: int
    micro_batch: int
    confusion: tuple[tuple[int, ...], ...] | None = None

    @property
    def metrics(self) -> Mapping[str, float]:
        """Metrics of the last epoch."""
        return self.results[-1].metrics


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """Callbacks of a training.

    Args:
        report: Called after every epoch, once its checkpoint is on disk. Restored epochs are
            reported first, so that a pruner sees the whole curve.
        interrupted: Asked before every batch; True ends the training with ``Interrupted``.
    """

    report: Report = lambda _: None
    interrupted: Callable[[], bool] = lambda: False


def train(
    stack: Stack,
    recipe: Recipe,
    data: TrainingData,
    *,
    settings: TrainingSettings,
    watch: Watch | None = None,
    checkpoint: ArtifactPath | None = None,
) -> Training:
    """Train the network of ``stack`` by ``recipe``.

    With a checkpoint file, an interrupted training continues after its last finished epoch.

    Raises:
        Interrupted: ``watch.interrupted`` returned True.
        NonFiniteLoss: The loss became infinite or not a number.
        OutOfMemory: Not even the smallest micro-batch fits.
    """
    watch = watch or Watch()
    start = time.perf_counter()
    on_cpu = data.device.type == "cpu"
    if on_cpu:
        keep_freed_memory()
    with one_thread() if on_cpu else nullcontext():
        run = Run(stack, recipe, data, settings, watch.interrupted)
        results = [] if checkpoint is None else run.restore(checkpoint)
        restored = len(results)
        for result in results:
            watch.report(result)
        for epoch in range(restored + 1, settings.epochs + 1):
            results.append(run.one_epoch(epoch))
            if checkpoint is not None:
                run.save(checkpoint, results)
            watch.report(results[-1])
        return Training(
            network=run.result.eval(),
            results=tuple(results),
            seconds=time.perf_counter() - start,
            epochs_trained=settings.epochs - restored,
            micro_batch=run.eager.micro_batch,
            confusion=run.confusion,
        )


class Run:
    """A training between two epochs: network, optimiser and what they are trained on.

    Training and validation raise ``Interrupted``, ``NonFiniteLoss`` and ``OutOfMemory``.

    Attributes:
        confusion: As in ``Training``, of the last validation in this process.
    """

    def __init__(
        self,
        stack: Stack,
        recipe: Recipe,
        data: TrainingData,
        settings: TrainingSettings,
        interrupted: Callable[[], bool] = lambda: False,
    ) -> None:
        network = build(stack, generator=derived_generator(settings.seed, "weights"))
        self.network: nn.Sequential = network.to(data.device)
        self.confusion: tuple[tuple[int, ...], ...] | None = None
        self._recipe, self._data, self._settings = recipe, data, settings
        self._interrupted = interrupted
        self._classes = stack.head.classes
        self._optimizer = build_optimizer(self.network, recipe)
        self._average = averaged(self.network, recipe.ema) if recipe.ema else None
        self._dtype = DTYPES[settings.precision]
        self.eager = EagerGradients(
            self.network,
            training_loss(recipe, data.train_labels, classes=stack.head.classes),
            dtype=self._dtype,
            micro_batch=settings.micro_batch or recipe.batch_size,
        )
        self._gradients: Gradients | None = None
        self._validation_batch = min(VALIDATION_BATCH, len(data.val_labels))
        self._steps = math.ceil(len(data.train_labels) / recipe.batch_size)
        self._fingerprint = _fingerprint(stack, recipe, settings, origin=data.origin)

    @property
    def result(self) -> nn.Module:
        """The network that is validated and kept: the mean of its weights with ``ema``."""
        return self.network if self._average is None else self._average.module

    def one_epoch(self, epoch: int) -> Step:
        """Train and validate one epoch."""
        start = time.perf_counter()
        loss = self.train(epoch)
        found = self.validate(epoch)
        seconds = time.perf_counter() - start
        return Step(number=epoch, train_loss=loss, metrics=found, seconds=seconds)

    def train(self, epoch: int) -> float:
        """Train one epoch and return its mean loss."""
        self.network.train()
        data, size, seed = self._data, self._recipe.batch_size, self._settings.seed
        plan = plan_epoch(
            self._recipe,
            data.train_labels,
            seed=seed,
            epoch=epoch,
            size=data.train_images.shape[-1],
        )
        wanted = planned_targets(data.train_labels, plan, classes=self._classes)
        losses = []
        for step in range(self._steps):
            if self._interrupted():
                raise Interrupted
            start, stop = step * size, min((step + 1) * size, len(wanted))
            images, targets = batch_of(data.train_images, wanted, plan, start, stop)
            loss = self._step(images, targets, epoch=epoch, step=step)
            losses.append(loss)
            if loss.device.type == "cpu" and not math.isfinite(loss):  # a GPU would have to wait
                break
        return self._mean_loss(torch.stack(losses), epoch)

    def _step(self, images: Tensor, labels: Tensor, *, epoch: int, step: int) -> Tensor:
        if self._gradients is None:
            self._gradients = graphed_if_possible(self.eager, images, labels)
        seed = derived_seed(self._settings.seed, "dropout", epoch, step)
        loss = self._gradients(images, labels, seed=seed)
        set_learning_rate(
            self._optimizer,
            self._recipe,
            step=(epoch - 1) * self._steps + step,
            steps=self._settings.epochs * self._steps,
        )
        self._optimizer.step()
        if self._average is not None:
            self._average.update_parameters(self.network)
        return loss

    def _mean_loss(self, losses: Tensor, epoch: int) -> float:
        """Return the mean over images.

        The weights are checked too: a broken one need not show in the loss, because
        ``ReluMaxPool`` can turn NaN into 0.
        """
        finite = torch.isfinite(losses)
        if not bool(finite.all()):
            raise NonFiniteLoss(epoch=epoch, step=int((~finite).nonzero()[0]) + 1)
        if not all(bool(torch.isfinite(x).all()) for x in self.network.state_dict().values()):
            raise NonFiniteLoss(epoch=epoch, step=self._steps)
        sizes = torch.full_like(losses, float(self._recipe.batch_size))
        sizes[-1] = len(self._data.train_labels) - (self._steps - 1) * self._recipe.batch_size
        return float((losses * sizes).sum() / sizes.sum())

    @torch.inference_mode()
    def validate(self, epoch: int) -> Mapping[str, float]:
        """Return the validation metrics, named with their split; keep ``confusion``.

        Where memory is short the images are scored in smaller batches, which changes a score by
        rounding only.
        """
        self.result.eval()

        def halve() -> None:
            self._validation_batch = halved(self._validation_batch)

        scores = until_it_fits(self._scores, halve)
        if not bool(torch.isfinite(scores).all()):
            raise NonFiniteLoss(epoch=epoch, step=self._steps + 1)
        found = metrics(scores, self._data.val_labels)
        self.confusion = confusion(scores, self._data.val_labels)
        return {f"val_{name}": value for name, value in found.items()}

    def _scores(self) -> Tensor:
        logits = []
        for images in torch.split(self._data.val_images, self._validation_batch):
            if self._interrupted():
                raise Interrupted
            logits.append(self.result(normalise(images, self._dtype)).float())
        return torch.cat(logits)

    def save(self, checkpoint: ArtifactPath, results: list[Step]) -> None:
        state = {
            "network": self.network.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "average": None if self._average is None else self._average.state_dict(),
            "results": [
                {"number": r.number, "train_loss": r.train_loss, "metrics": dict(r.metrics)}
                for r in results
            ],
        }
        save_checkpoint(checkpoint, state, fingerprint=self._fingerprint)

    def restore(self, checkpoint: ArtifactPath) -> list[Step]:
        """Load the state on disk, if there is one; return its epochs."""
        state = load_checkpoint(checkpoint, fingerprint=self._fingerprint)
        if state is None:
            return []
        self.network.load_state_dict(state["network"])
        self._optimizer.load_state_dict(state["optimizer"])
        if self._average is not None:
            self._average.load_state_dict(state["average"])
        return [Step(**result) for result in state["results"]]


def _fingerprint(stack: Stack, recipe: Recipe, settings: TrainingSettings, *, origin: str) -> str:
    """Return the identity of a training, which is only continued from its own checkpoint."""
    described = {
        "stack": asdict(stack),
        "recipe": resolved_recipe(recipe),
        "settings": asdict(settings),
        "origin": origin,
    }
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()
