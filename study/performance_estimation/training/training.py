"""Train one candidate and validate it after every epoch: fast, and the same bytes every time.

On the CPU a training is a function of (stack, recipe, data, settings): it runs on one thread, so
neither the number of cores nor what else the process did changes a bit, and a training that was
killed goes on from its checkpoint to the bytes it would have had. Speed comes from several
processes of one thread each, which beats several threads for networks this small.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field

import torch
from torch import Tensor, nn, optim

from study.network.build import build
from study.performance_estimation.training.checkpoint import Checkpoint
from study.performance_estimation.training.epoch import Epochs
from study.performance_estimation.training.freed_memory import keep_freed_memory
from study.performance_estimation.training.one_thread import one_thread
from study.performance_estimation.training.optimizers import build_optimizer
from study.performance_estimation.training.seeds import derived_generator
from study.search_space.candidate import Recipe
from study.search_space.resolve import Stack, resolved_recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingData:
    """The images a candidate is trained and validated on, all on one device.

    Args:
        train_images: uint8 (n, channels, size, size).
        train_labels: int64 (n,).
        val_images: uint8 (m, channels, size, size).
        val_labels: int64 (m,).
        origin: Names the images: no training goes on from a checkpoint of others.
    """

    train_images: Tensor
    train_labels: Tensor
    val_images: Tensor
    val_labels: Tensor
    origin: str = ""

    @property
    def device(self) -> torch.device:
        """Where the training runs."""
        return self.train_images.device


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSettings:
    """What a training depends on beside its candidate and its data.

    Args:
        seed: Weights, order of images, augmentation and dropout follow from it.
        epochs: Passes over the training images; schedules are compressed to them.
        precision: A name of ``DTYPES``.
        micro_batch: Largest number of images at a time; None for whole batches.
    """

    seed: int
    epochs: int
    precision: str = "float32"
    micro_batch: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochResult:
    """What one epoch came to. Two results are equal when training and validation are.

    Args:
        epoch: From 1.
        train_loss: Mean loss of the training images as the epoch went, regularisation included.
        metrics: ``val_accuracy``, ``val_loss``, ``val_balanced_accuracy``, ``val_auc`` and
            ``val_balanced_log_loss``.
        seconds: Time of training, validation and checkpoint.
        restored: True when it was read from a checkpoint and not trained now.
    """

    epoch: int
    train_loss: float
    metrics: Mapping[str, float]
    seconds: float = field(compare=False)
    restored: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """A finished training.

    Args:
        network: In evaluation mode, on the device of the data.
        results: One for each epoch, restored ones included.
        seconds: Time spent in this process.
        epochs_trained: Epochs trained in this process, restored ones not counted.
        micro_batch: Images at a time at the end: fewer than the batch where memory was short.
        confusion: Validation images by true class (row) and predicted class (column); None where
            every epoch was restored.
    """

    network: nn.Module
    results: tuple[EpochResult, ...]
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
    """Who follows a training.

    Args:
        report: Called after every epoch, once its checkpoint is on disk; restored epochs are
            reported again, first, so that a pruner sees the whole curve. What it raises ends
            the training.
        interrupted: Asked before every batch; True ends the training with ``Interrupted``.
    """

    report: Callable[[EpochResult], None] = lambda _: None
    interrupted: Callable[[], bool] = lambda: False


def train(
    stack: Stack,
    recipe: Recipe,
    data: TrainingData,
    *,
    settings: TrainingSettings,
    watch: Watch | None = None,
    checkpoint: Checkpoint | None = None,
) -> Training:
    """Train the network of ``stack`` by ``recipe``.

    With a checkpoint, a training that was broken off goes on after its last finished epoch.

    Raises:
        Interrupted: ``watch.interrupted`` said so.
        NonFiniteLoss: The loss became infinite or not a number.
        OutOfMemory: Not even the smallest micro-batch fits.
    """
    watch = watch or Watch()
    start = time.perf_counter()
    with _repeatable(data.device):
        run = _Run.start(stack, recipe, data, settings)
        results = [] if checkpoint is None else run.restore(checkpoint)
        restored = len(results)
        for result in results:
            watch.report(result)
        for epoch in range(restored + 1, settings.epochs + 1):
            results.append(run.one_epoch(epoch, watch.interrupted))
            if checkpoint is not None:
                run.save(checkpoint, results)
            watch.report(results[-1])
        return Training(
            network=run.network.eval(),
            results=tuple(results),
            seconds=time.perf_counter() - start,
            epochs_trained=settings.epochs - restored,
            micro_batch=run.epochs.micro_batch,
            confusion=run.epochs.confusion,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """A training between two epochs."""

    network: nn.Sequential
    optimizer: optim.Optimizer
    epochs: Epochs
    fingerprint: str

    @classmethod
    def start(
        cls, stack: Stack, recipe: Recipe, data: TrainingData, settings: TrainingSettings
    ) -> _Run:
        network = build(stack, generator=derived_generator(settings.seed, "weights"))
        network = network.to(data.device)
        optimizer = build_optimizer(network, recipe)
        return cls(
            network=network,
            optimizer=optimizer,
            epochs=Epochs(network, optimizer, recipe, data, settings, classes=stack.head.classes),
            fingerprint=_fingerprint(stack, recipe, settings, origin=data.origin),
        )

    def one_epoch(self, epoch: int, interrupted: Callable[[], bool]) -> EpochResult:
        start = time.perf_counter()
        loss = self.epochs.train(epoch, interrupted)
        found = self.epochs.validate(epoch, interrupted)
        seconds = time.perf_counter() - start
        return EpochResult(epoch=epoch, train_loss=loss, metrics=found, seconds=seconds)

    def save(self, checkpoint: Checkpoint, results: list[EpochResult]) -> None:
        state = {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "results": [
                {
                    "epoch": result.epoch,
                    "train_loss": result.train_loss,
                    "metrics": dict(result.metrics),
                    "seconds": result.seconds,
                }
                for result in results
            ],
        }
        checkpoint.save(state, fingerprint=self.fingerprint)

    def restore(self, checkpoint: Checkpoint) -> list[EpochResult]:
        """Take up the state on disk, if there is one; return the epochs it comes from."""
        state = checkpoint.load(fingerprint=self.fingerprint)
        if state is None:
            return []
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        return [EpochResult(**result, restored=True) for result in state["results"]]


def _fingerprint(stack: Stack, recipe: Recipe, settings: TrainingSettings, *, origin: str) -> str:
    """Return what a checkpoint must have been written by to be gone on with."""
    described = {
        "stack": asdict(stack),
        "recipe": resolved_recipe(recipe),
        "settings": asdict(settings),
        "origin": origin,
    }
    text = json.dumps(described, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


@contextmanager
def _repeatable(device: torch.device) -> Iterator[None]:
    """Compute on one thread, denormal numbers as zero: the same bytes in every process."""
    if device.type == "cuda":
        yield
        return
    keep_freed_memory()
    with one_thread():
        yield
