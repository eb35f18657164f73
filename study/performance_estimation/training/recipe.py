"""Recipe → loss, optimiser and learning rate of every step."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
from torch import Tensor, nn, optim
from torch.nn import functional as F

from study.search_space.candidate import Recipe

Loss = Callable[[Tensor, Tensor], Tensor]
"""Class scores float32 (n, classes), labels int64 (n,) → mean loss, a scalar."""


def training_loss(recipe: Recipe, labels: Tensor, *, classes: int) -> Loss:
    """Return the loss that training minimises; validation always uses plain cross-entropy.

    ``balance: logit_adjust`` adds the log share of every class to its score in training and
    leaves the scores unchanged at prediction (Menon et al., arXiv 2007.07314, eq. 10 with τ = 1).
    This minimises the balanced error. A class without images counts as if it had one.

    Args:
        labels: Classes of all training images, int64 (n,).
    """
    smoothing = recipe.label_smoothing
    if recipe.balance != "logit_adjust":
        return lambda logits, targets: F.cross_entropy(logits, targets, label_smoothing=smoothing)
    counts = torch.bincount(labels, minlength=classes).clamp_(min=1)
    log_prior = (counts / counts.sum()).log()
    return lambda logits, targets: F.cross_entropy(
        logits + log_prior, targets, label_smoothing=smoothing
    )


def build_optimizer(network: nn.Module, recipe: Recipe) -> optim.Optimizer:
    """Return the fused optimiser of a recipe over all parameters of ``network``."""
    parameters, rate, decay = network.parameters(), recipe.learning_rate, recipe.weight_decay
    if recipe.optimizer == "sgd":
        return optim.SGD(
            parameters, lr=rate, momentum=recipe.momentum, weight_decay=decay, fused=True
        )
    adam = optim.AdamW if recipe.optimizer == "adamw" else optim.Adam
    return adam(parameters, lr=rate, weight_decay=decay, fused=True)


WARM_UP = 0.3
START_DIVISOR = 25.0
END_DIVISOR = 1e4
"""``onecycle``: share of rising steps, peak / first rate and first / last rate. The defaults of
``torch.optim.lr_scheduler.OneCycleLR``."""


def _constant(_: float) -> float:
    return 1.0


def _cosine(progress: float) -> float:
    """Fall from 1 to 0 along half a cosine (Loshchilov and Hutter, arXiv 1608.03983, eq. 5)."""
    return (1 + math.cos(math.pi * progress)) / 2


def _onecycle(progress: float) -> float:
    """Rise to 1, then fall to almost 0, both along half a cosine (Smith, arXiv 1708.07120)."""
    first = 1 / START_DIVISOR
    if progress < WARM_UP:
        return 1 + (first - 1) * _cosine(progress / WARM_UP)
    last = first / END_DIVISOR
    return last + (1 - last) * _cosine((progress - WARM_UP) / (1 - WARM_UP))


SCHEDULES: Mapping[str, Callable[[float], float]] = MappingProxyType(
    {"constant": _constant, "cosine": _cosine, "onecycle": _onecycle}
)
"""Share of the peak rate as a function of the share of finished steps, from 0 to below 1."""


def learning_rate(recipe: Recipe, *, step: int, steps: int) -> float:
    """Return the rate of ``step`` (from 0) in a training of ``steps`` steps.

    A training of fewer epochs runs through the whole schedule faster; it is not cut off.
    """
    return recipe.learning_rate * SCHEDULES[recipe.schedule](step / steps)


def set_learning_rate(
    optimizer: optim.Optimizer, recipe: Recipe, *, step: int, steps: int
) -> None:
    """Use the rate of ``step`` (from 0) in a training of ``steps`` steps."""
    for group in optimizer.param_groups:
        group["lr"] = learning_rate(recipe, step=step, steps=steps)
