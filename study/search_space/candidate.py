"""A candidate: an architecture and the recipe that trains it.

A search space may use only the names of these fields. Their defaults are the plain CNN that the
space ``seed.yaml`` varies: 32 channels, kernel 3, no padding, ReLU, max-pool 2, Adam at 1e-3.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Value = int | float | str | bool
Values = Mapping[str, Value]
"""The parameter values of a candidate by name; only active parameters have one."""
ValuesKey = tuple[tuple[str, bool, Value], ...]

MAX_STAGES = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFormat:
    """The images that enter a network, and the number of classes.

    Args:
        channels: 1 for grey, 3 for RGB.
        size: Height and width in pixels.
    """

    channels: int = 1
    size: int = 28
    classes: int = 4


OCTMNIST = ImageFormat()


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageCounts:
    """Number of images in an epoch's training and validation; the default is OCTMNIST."""

    train: int = 97_477
    validation: int = 10_832


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """The values that a field of a candidate may have.

    Args:
        kind: Type of the value. ``choice`` is one of ``choices``; ``any`` is any number, text or
            boolean, for the parameters of a table.
        default: Value if a space does not name the field.
        help: One line for messages and documentation.
        low: Smallest number, included.
        high: Largest number, included.
    """

    kind: Literal["int", "float", "choice", "bool", "any"]
    default: Value
    help: str
    low: float = 0.0
    high: float = 0.0
    choices: tuple[Value, ...] = ()


def _choice(help: str, *choices: Value, default: Value | None = None) -> Field:
    first = choices[0] if default is None else default
    return Field(kind="choice", default=first, choices=choices, help=help)


def _int(help: str, default: int, low: int, high: int) -> Field:
    return Field(kind="int", default=default, low=low, high=high, help=help)


def _float(help: str, default: float, low: float, high: float) -> Field:
    return Field(kind="float", default=default, low=low, high=high, help=help)


_KERNEL = _choice("side of the convolutions' kernels, in pixels", 1, 3, 5, 7, default=3)
_CHANNELS = _int("output channels of every convolution", 32, 1, 1024)
_POOL = _choice("2x2 pooling after every block", "max", "average", "none")

STAGE_FIELDS: Mapping[str, Field] = MappingProxyType(
    {
        "operation": _choice("layers of the stage", "conv", "separable", "residual", "identity"),
        "kernel": _KERNEL,
        "channels": _CHANNELS,
        "pool": dataclasses.replace(_POOL, default="none"),
    }
)

ARCHITECTURE_FIELDS: Mapping[str, Field] = MappingProxyType(
    {
        "conv_layers": _int("convolution blocks before the head", 2, 1, 20),
        "channels": _CHANNELS,
        "kernel": _KERNEL,
        "padding": _choice("'valid' shrinks the map, 'same' keeps it", "valid", "same"),
        "norm": _choice("normalisation after every convolution", "none", "batch"),
        "activation": _choice("non-linearity", "relu", "silu", "gelu"),
        "pool": _POOL,
        "head": _choice("conversion of the last map to a vector", "flatten", "global_average"),
        "hidden_units": _int("width of the hidden layer of a flatten head", 128, 1, 4096),
        "dropout": _float("share of features dropped before the last layer", 0.0, 0.0, 0.95),
    }
)

RECIPE_FIELDS: Mapping[str, Field] = MappingProxyType(
    {
        "optimizer": _choice("PyTorch optimizer", "adam", "adamw", "sgd"),
        "learning_rate": _float("peak learning rate", 1e-3, 1e-7, 10.0),
        "momentum": _float("momentum of 'sgd'", 0.9, 0.0, 0.999),
        "weight_decay": _float("weight decay", 0.0, 0.0, 1.0),
        "schedule": _choice("learning-rate schedule", "constant", "cosine", "onecycle"),
        "batch_size": _int("images per step", 128, 1, 8192),
        "label_smoothing": _float("label smoothing", 0.0, 0.0, 0.9),
        "flip": Field(kind="bool", default=False, help="random left-right flips"),
        "shift": _int("largest random shift, in pixels", 0, 0, 8),
        "balance": _choice("answer to unequal class sizes", "none", "logit_adjust", "resample"),
        "epochs": _int("epochs of a full training", 3, 1, 10_000),
    }
)

FIELDS: Mapping[str, Field] = MappingProxyType({**ARCHITECTURE_FIELDS, **RECIPE_FIELDS})


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One stage of an architecture with stages; ``STAGE_FIELDS`` describes the fields."""

    operation: str = "conv"
    kernel: int = 3
    channels: int = 32
    pool: str = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """A network as described, before ``resolve``; ``ARCHITECTURE_FIELDS`` describes the fields.

    Args:
        stages: If given, they replace the ``conv_layers`` equal blocks, and ``channels``,
            ``kernel`` and ``pool`` of the architecture have no effect.
    """

    conv_layers: int = 2
    channels: int = 32
    kernel: int = 3
    padding: str = "valid"
    norm: str = "none"
    activation: str = "relu"
    pool: str = "max"
    head: str = "flatten"
    hidden_units: int = 128
    dropout: float = 0.0
    stages: tuple[Stage, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a network is trained; ``RECIPE_FIELDS`` describes the fields."""

    optimizer: str = "adam"
    learning_rate: float = 1e-3
    momentum: float = 0.9
    weight_decay: float = 0.0
    schedule: str = "constant"
    batch_size: int = 128
    label_smoothing: float = 0.0
    flip: bool = False
    shift: int = 0
    balance: str = "none"
    epochs: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """What a trial evaluates."""

    architecture: Architecture = Architecture()
    recipe: Recipe = Recipe()


def values_key(values: Values) -> ValuesKey:
    """Return a hashable key that does not depend on the order of names; ``True`` is not ``1``."""
    return tuple((name, isinstance(values[name], bool), values[name]) for name in sorted(values))
