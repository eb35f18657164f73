"""Recipe → torch optimiser."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from torch import nn, optim

from study.search_space.candidate import Recipe

Parameters = Iterable[nn.Parameter]


def _adam(parameters: Parameters, recipe: Recipe) -> optim.Optimizer:
    return optim.Adam(
        parameters, lr=recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True
    )


def _adamw(parameters: Parameters, recipe: Recipe) -> optim.Optimizer:
    return optim.AdamW(
        parameters, lr=recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True
    )


def _sgd(parameters: Parameters, recipe: Recipe) -> optim.Optimizer:
    return optim.SGD(
        parameters,
        lr=recipe.learning_rate,
        momentum=recipe.momentum,
        weight_decay=recipe.weight_decay,
        fused=True,
    )


OPTIMIZERS: Mapping[str, Callable[[Parameters, Recipe], optim.Optimizer]] = MappingProxyType(
    {"adam": _adam, "adamw": _adamw, "sgd": _sgd}
)


def build_optimizer(network: nn.Module, recipe: Recipe) -> optim.Optimizer:
    """Return the fused optimiser of a recipe over all parameters of ``network``."""
    return OPTIMIZERS[recipe.optimizer](network.parameters(), recipe)


def set_learning_rate(optimizer: optim.Optimizer, rate: float) -> None:
    """Use ``rate`` from the next step on."""
    for group in optimizer.param_groups:
        group["lr"] = rate
