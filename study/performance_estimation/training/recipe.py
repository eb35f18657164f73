"""Recipe → loss, optimiser and learning rate of every step."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import torch
from torch import Tensor, nn, optim
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel

from study.search_space.candidate import Recipe

Loss = Callable[[Tensor, Tensor], Tensor]
"""Class scores float32 (n, classes), targets → mean loss, a scalar.

Targets are classes, int64 (n,), or shares of the classes, float32 (n, classes).
"""


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
    """Return the fused optimiser of a recipe over all parameters of ``network``.

    It has two groups of parameters: those with weight decay, and those without.
    """
    parameters, rate = list(network.parameters()), recipe.learning_rate
    groups = [
        {"params": [p for p in parameters if is_decayed(p)], "weight_decay": recipe.weight_decay},
        {"params": [p for p in parameters if not is_decayed(p)], "weight_decay": 0.0},
    ]
    if recipe.optimizer == "sgd":
        return optim.SGD(groups, lr=rate, momentum=recipe.momentum, fused=True)
    adam = optim.AdamW if recipe.optimizer == "adamw" else optim.Adam
    return adam(groups, lr=rate, fused=True)


def is_decayed(parameter: nn.Parameter) -> bool:
    """Tell whether weight decay applies: to weights, not to biases and batch normalisation.

    Parameters of one dimension are left out (He et al., arXiv 1812.01187, sec. 3.1).
    """
    return parameter.ndim > 1


def averaged(network: nn.Module, decay: float) -> AveragedModel:
    """Return a copy of ``network`` that holds the moving average of its weights and buffers.

    Step n (from 1) uses the decay min(decay, n / (n + 9)), so that the first weights are forgotten
    quickly (as in TensorFlow's ``ExponentialMovingAverage``).
    """

    def average(means: Sequence[Tensor], values: Sequence[Tensor], steps: Tensor | int) -> None:
        n = float(steps)
        for mean, value in zip(means, values, strict=True):
            if mean.is_floating_point():
                mean.lerp_(value, 1 - min(decay, n / (n + 9)))

    return AveragedModel(network, multi_avg_fn=average, use_buffers=True)


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
