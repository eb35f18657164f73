"""Training of the shared weights: one network that holds every candidate of a space.

As in ENAS (Pham et al., arXiv 1802.03268) and random search with weight sharing (Li and Talwalkar,
arXiv 1902.07638). Every step trains a few paths on one batch and averages their gradients. An
epoch is one pass over the training images for each of these paths.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch import Tensor, optim

from study.common.artifact_path import ArtifactPath
from study.common.errors import StudyError
from study.network.blocks import reseed_dropout
from study.network.forward import normalise
from study.performance_estimation.estimator import EstimateFailed, Interrupted
from study.performance_estimation.supernet.paths import PathSource, check_space
from study.performance_estimation.supernet.shared_weights import (
    SharedWeights,
    fresh_statistics,
    layers,
    path_scores,
)
from study.performance_estimation.training.checkpoint import (
    State,
    load_checkpoint,
    save_checkpoint,
)
from study.performance_estimation.training.data import (
    EpochPlan,
    TrainingData,
    batch_of,
    plan_epoch,
    planned_targets,
)
from study.performance_estimation.training.gradients import (
    DTYPES,
    failing_without_memory,
    halved,
    in_parts,
    until_it_fits,
)
from study.performance_estimation.training.process import derived_seed, one_thread
from study.performance_estimation.training.recipe import (
    build_optimizer,
    is_decayed,
    set_learning_rate,
    training_loss,
)
from study.search_space.candidate import ImageFormat, Values
from study.search_space.resolve import Stack, resolve
from study.search_space.space import SearchSpace


@dataclass(frozen=True, slots=True, kw_only=True)
class SupernetSettings:
    """What the shared weights depend on besides the space and the images.

    Args:
        seed: Determines initial weights, order of images, augmentation and dropout.
        epochs: Passes over the training images; the learning-rate schedule spans them.
        precision: A name of ``DTYPES``.
        origin: Sampler and study that draw the paths. A checkpoint of another origin is not
            continued.
    """

    seed: int
    epochs: int
    precision: str = "float32"
    origin: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SupernetCost:
    """Cost of the finished epochs of the shared weights, earlier processes included.

    Args:
        epochs: Passes over the training images, each path of a step counted.
    """

    epochs: float = 0.0
    seconds: float = 0.0


class Supernet:
    """The shared weights of a space in training.

    Do not use the object again after an exception from ``train_epoch``. A new one continues from
    the checkpoint, on the CPU to the same weights bit for bit.

    Args:
        space: Its recipe does not vary.
        checkpoint: File that holds the state after every epoch; None for none.
    """

    def __init__(
        self,
        *,
        space: SearchSpace,
        image: ImageFormat,
        data: TrainingData,
        settings: SupernetSettings,
        checkpoint: ArtifactPath | None = None,
    ) -> None:
        check_space(space)
        self.space, self.image, self.data, self.settings = space, image, data, settings
        self.recipe = space.candidate(space.sample(np.random.default_rng(0))).recipe
        self.shared = SharedWeights(space, image, seed=settings.seed, device=data.device)
        self.epochs_trained = 0
        self.cost = SupernetCost()
        self.micro_batch = self.recipe.batch_size
        self._optimizer: optim.Optimizer | None = None
        self._loss = training_loss(self.recipe, data.train_labels, classes=image.classes)
        self._checkpoint = checkpoint
        self._fingerprint = _fingerprint(space, image, data, settings)
        self.restore()

    def train_epoch(
        self, paths: PathSource, *, interrupted: Callable[[], bool] = lambda: False
    ) -> None:
        """Train one epoch on these paths and write the checkpoint.

        Raises:
            Interrupted: ``interrupted``, asked before every step, says stop. The epoch is lost.
            StudyError: The loss is not finite, or memory ran out.
        """
        start = time.perf_counter()
        epoch = self.epochs_trained + 1
        plan = plan_epoch(
            self.recipe,
            self.data.train_labels,
            seed=self.settings.seed,
            epoch=epoch,
            size=self.data.train_images.shape[-1],
        )
        targets = planned_targets(self.data.train_labels, plan, classes=self.image.classes)
        trained, steps = 0, self.steps_an_epoch
        with one_thread():
            for step in range(1, steps + 1):
                if interrupted():
                    raise Interrupted
                stacks = [self._stack(values) for values in paths(epoch, step)]
                try:
                    with failing_without_memory():
                        self._step(stacks, plan, targets, epoch=epoch, step=step)
                except EstimateFailed as failure:
                    raise StudyError(
                        "supernet: out of memory; lower the batch_size that"
                        f" {self.space.name} fixes ({self.recipe.batch_size}), make its widest"
                        " networks smaller, or take paths=uniform"
                    ) from failure
                trained += len(stacks)
        self.epochs_trained = epoch
        self.cost = SupernetCost(
            epochs=self.cost.epochs + trained / steps,
            seconds=self.cost.seconds + time.perf_counter() - start,
        )
        self._save()

    @property
    def steps_an_epoch(self) -> int:
        return math.ceil(len(self.data.train_labels) / self.recipe.batch_size)

    def _stack(self, values: Values) -> Stack:
        return resolve(self.space.candidate(values).architecture, self.image)

    def _step(
        self, stacks: list[Stack], plan: EpochPlan, targets: Tensor, *, epoch: int, step: int
    ) -> None:
        optimizer = self._optimizer_for(stacks)
        set_learning_rate(
            optimizer,
            self.recipe,
            step=(epoch - 1) * self.steps_an_epoch + step - 1,
            steps=max(self.settings.epochs, epoch) * self.steps_an_epoch,
        )
        start = (step - 1) * self.recipe.batch_size
        stop = min(start + self.recipe.batch_size, len(plan.order))
        batch, wanted = batch_of(self.data.train_images, targets, plan, start, stop)
        images = normalise(batch, DTYPES[self.settings.precision])
        seeds = [
            derived_seed(self.settings.seed, "dropout", epoch, step, index)
            for index in range(len(stacks))
        ]
        loss = self._gradients(stacks, images, wanted, seeds=seeds)
        if not loss.isfinite():
            raise StudyError(
                f"supernet: the loss is not finite in epoch {epoch}, step {step}; lower the "
                f"learning_rate that {self.space.name} fixes ({self.recipe.learning_rate:g})"
            )
        optimizer.step()

    def _gradients(
        self, stacks: list[Stack], images: Tensor, labels: Tensor, *, seeds: list[int]
    ) -> Tensor:
        """Leave the mean of the paths' gradients in the shared weights; return the mean loss.

        Where memory runs out, this batch and all that follow are computed in smaller parts.
        """

        def attempt() -> Tensor:
            self.shared.zero_grad(set_to_none=True)
            losses = [
                self._add_gradients(stack, images, labels, seed=seed, share=1 / len(stacks))
                for stack, seed in zip(stacks, seeds, strict=True)
            ]
            return torch.stack(losses).sum()

        def halve() -> None:
            self.micro_batch = halved(min(self.micro_batch, len(images)))

        return until_it_fits(attempt, halve)

    def _add_gradients(
        self, stack: Stack, images: Tensor, labels: Tensor, *, seed: int, share: float
    ) -> Tensor:
        """Add ``share`` of a path's gradients to the shared ones; return its share of the loss."""
        network = layers(stack).train()
        reseed_dropout(network, seed, images.device)
        statistics = fresh_statistics(stack, images.device)
        total = torch.zeros((), device=images.device)
        for part, targets in in_parts(images, labels, self.micro_batch):
            scores = path_scores(stack, self.shared.weights(stack), statistics, part)
            loss = self._loss(scores.float(), targets) * (share * (len(part) / len(images)))
            loss.backward()  # type: ignore[no-untyped-call]
            total += loss.detach()
        return total

    def _optimizer_for(self, stacks: list[Stack]) -> optim.Optimizer:
        """Return the optimiser, after making the tensors that these paths still lack."""
        made = [parameter for stack in stacks for parameter in self.shared.make(stack)]
        if self._optimizer is None:
            self._optimizer = build_optimizer(self.shared, self.recipe)
            return self._optimizer
        weights, others = self._optimizer.param_groups
        for parameter in made:
            group = weights if is_decayed(parameter) else others
            group["params"].append(parameter)
            if group.get("momentum"):  # fused SGD needs a buffer for all parameters or for none
                self._optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
        return self._optimizer

    def _save(self) -> None:
        if self._checkpoint is None:
            return
        assert self._optimizer is not None
        tensors = dict(self.shared.tensors.items())
        state: State = {
            "keys": list(tensors),
            "tensors": [tensor.detach() for tensor in tensors.values()],
            "optimizer": self._optimizer.state_dict(),
            "epochs": self.epochs_trained,
            "cost": asdict(self.cost),
        }
        save_checkpoint(self._checkpoint, state, fingerprint=self._fingerprint)

    def restore(self) -> None:
        """Load the checkpoint, if it has more epochs than this object."""
        if self._checkpoint is None:
            return
        state = load_checkpoint(self._checkpoint, fingerprint=self._fingerprint)
        if state is None or state["epochs"] <= self.epochs_trained:
            return
        self.shared.load(dict(zip(state["keys"], state["tensors"], strict=True)))
        self._optimizer = build_optimizer(self.shared, self.recipe)
        self._optimizer.load_state_dict(state["optimizer"])
        self.epochs_trained = state["epochs"]
        self.cost = SupernetCost(**state["cost"])


def _fingerprint(
    space: SearchSpace, image: ImageFormat, data: TrainingData, settings: SupernetSettings
) -> str:
    digest = hashlib.sha256()
    described = (space.parameters, sorted(space.fixed.items()), sorted(space.constraints.items()))
    digest.update(repr((described, image, settings)).encode())
    for tensor in (data.train_images, data.train_labels):
        digest.update(repr(tuple(tensor.shape)).encode())
        digest.update(tensor.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
