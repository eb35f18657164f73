"""A candidate: an architecture and the recipe that trains it.

A search space may use only the names of these fields. Their defaults are the plain CNN that the
space ``seed.yaml`` varies: 32 channels, kernel 3, no padding, ReLU, max-pool 2, Adam at 1e-3.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Literal

Value = int | float | str | bool
Values = Mapping[str, Value]
"""The parameter values of a candidate by name; only active parameters have one."""
ValuesKey = tuple[tuple[str, bool, Value], ...]

MAX_STAGES = 12

LENGTHS = ("epochs", "steps", "images")
"""Fields of a recipe that say how long it trains; a space names one of them at most."""
LONGEST_BY_RULE = 60
"""Most epochs of a training whose length is not given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFormat:
    """The images that enter a network; ``size`` is their height and width in pixels."""

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
class CandidateField:
    """The values that a field of a candidate may have; ``low`` and ``high`` are included.

    The kind ``choice`` is one of ``choices``; ``any`` is any number, text or boolean, for the
    parameters of a table. ``help`` is one line for messages and documentation.
    """

    kind: Literal["int", "float", "choice", "bool", "any"]
    default: Value
    help: str
    low: float = 0.0
    high: float = 0.0
    choices: tuple[Value, ...] = ()


def _choice(help: str, *choices: Value, default: Value | None = None) -> Any:
    first = choices[0] if default is None else default
    return _described(CandidateField(kind="choice", default=first, choices=choices, help=help))


def _number(help: str, default: float, low: float, high: float) -> Any:
    kind: Literal["int", "float"] = "int" if isinstance(default, int) else "float"
    return _described(CandidateField(kind=kind, default=default, low=low, high=high, help=help))


def _described(description: CandidateField) -> Any:
    return dataclasses.field(default=description.default, metadata={"field": description})


def _fields_of(described: type[Any]) -> Mapping[str, CandidateField]:
    found = {f.name: f.metadata for f in dataclasses.fields(described)}
    return MappingProxyType({name: m["field"] for name, m in found.items() if "field" in m})


_KERNEL = "side of the convolutions' kernels, in pixels"
_CHANNELS = "output channels of every convolution"
_POOL = "2x2 pooling after every block"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One stage of an architecture with stages."""

    operation: str = _choice("layers of the stage", "conv", "separable", "residual", "identity")
    kernel: int = _choice(_KERNEL, 1, 3, 5, 7, default=3)
    channels: int = _number(_CHANNELS, 32, 1, 1024)
    pool: str = _choice(_POOL, "max", "average", "none", default="none")


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """A network as described, before ``resolve``.

    If there are ``stages``, they replace the ``conv_layers`` equal blocks. Then ``channels``,
    ``kernel`` and ``pool`` of the architecture have no effect.
    """

    conv_layers: int = _number("convolution blocks before the head", 2, 1, 20)
    channels: int = _number(_CHANNELS, 32, 1, 1024)
    kernel: int = _choice(_KERNEL, 1, 3, 5, 7, default=3)
    padding: str = _choice("'valid' shrinks the map, 'same' keeps it", "valid", "same")
    norm: str = _choice("normalisation after every convolution", "none", "batch")
    activation: str = _choice("non-linearity", "relu", "silu", "gelu")
    pool: str = _choice(_POOL, "max", "average", "none")
    head: str = _choice("conversion of the last map to a vector", "flatten", "global_average")
    hidden_units: int = _number("width of the hidden layer of a flatten head", 128, 1, 4096)
    dropout: float = _number("share of features dropped before the last layer", 0.0, 0.0, 0.95)
    stages: tuple[Stage, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a network is trained."""

    optimizer: str = _choice("PyTorch optimizer", "adam", "adamw", "sgd")
    learning_rate: float = _number("peak learning rate", 1e-3, 1e-7, 10.0)
    momentum: float = _number("momentum of 'sgd'", 0.9, 0.0, 0.999)
    weight_decay: float = _number("weight decay", 0.0, 0.0, 1.0)
    schedule: str = _choice("learning-rate schedule", "constant", "cosine", "onecycle")
    batch_size: int = _number("images per step", 128, 1, 8192)
    label_smoothing: float = _number("label smoothing", 0.0, 0.0, 0.9)
    flip: bool = _described(
        CandidateField(kind="bool", default=False, help="random left-right flips")
    )
    shift: int = _number("largest random shift, in pixels", 0, 0, 8)
    rotate: int = _number("largest random rotation, in degrees", 0, 0, 180)
    scale: float = _number("largest random change of the size, as a share", 0.0, 0.0, 0.5)
    brightness: float = _number(
        "largest random change of the brightness, as a share", 0.0, 0.0, 0.9
    )
    erase: float = _number("probability that a random rectangle is made grey", 0.0, 0.0, 1.0)
    mixup: float = _number("alpha of mixup; 0 does not mix images", 0.0, 0.0, 10.0)
    ema: float = _number(
        "decay per step of the mean of weights that is used; 0: none", 0.0, 0.0, 0.9999
    )
    balance: str = _choice("remedy for unequal class sizes", "none", "logit_adjust", "resample")
    epochs: int = _number(
        "epochs of a full training; 0: by the number of training images", 0, 0, 10_000
    )
    steps: int = _number("steps of a full training, in place of epochs", 0, 0, 10_000_000)
    images: int = _number("images of a full training, in place of epochs", 0, 0, 1_000_000_000)

    def for_images(self, count: int) -> Recipe:
        """Return the recipe with its length in epochs, for a training part of ``count`` images.

        Without a length, the epochs fall with the cube root of the number of images: 30 for
        2,200 images, 18 for 10,000, 8 for 97,477. The rule was chosen by hand.
        """
        if self.steps:
            epochs = self.steps * self.batch_size / count
        elif self.images:
            epochs = self.images / count
        else:
            epochs = self.epochs or min(LONGEST_BY_RULE, 390 / count ** (1 / 3))
        return replace(self, epochs=max(1, round(epochs)), steps=0, images=0)


STAGE_FIELDS = _fields_of(Stage)
ARCHITECTURE_FIELDS = _fields_of(Architecture)
RECIPE_FIELDS = _fields_of(Recipe)
FIELDS: Mapping[str, CandidateField] = MappingProxyType({**ARCHITECTURE_FIELDS, **RECIPE_FIELDS})


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """What a trial evaluates."""

    architecture: Architecture = Architecture()
    recipe: Recipe = Recipe()


def values_key(values: Values) -> ValuesKey:
    """Return a hashable key that does not depend on the order of names; ``True`` is not ``1``."""
    return tuple((name, isinstance(values[name], bool), values[name]) for name in sorted(values))
