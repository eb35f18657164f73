"""A classifier from a bundle: the network, its preprocessing and its classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as read_tensors
from torch import Generator, Tensor, nn

from study.bundle.bundle import WEIGHTS, Bundle, Preprocessing, read_bundle
from study.common.errors import EvaluationError
from study.network.build import build
from study.network.forward import class_scores
from study.search_space.candidate import ImageFormat
from study.search_space.resolve import Stack, complexity

_LARGEST_SIDE = 1024  # pixels


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Classifier:
    """A trained network with everything needed to use it.

    Args:
        network: In evaluation mode; maps ``preprocess`` of images to class scores (n, classes).
    """

    bundle: Bundle
    network: nn.Module

    @property
    def image(self) -> ImageFormat:
        """Format that images must have."""
        return self.bundle.stack.image

    @property
    def class_names(self) -> tuple[str, ...]:
        """Name of each class, by label."""
        return self.bundle.class_names

    def preprocess(self, images: Tensor) -> Tensor:
        """Return uint8 images (n, channels, size, size) as the network's input."""
        return preprocess(images, self.bundle.preprocessing)

    def scores(self, images: Tensor) -> Tensor:
        """Return class scores (logits) of uint8 images (n, channels, size, size), (n, classes)."""
        form = (self.image.channels, self.image.size, self.image.size)
        if images.dtype != torch.uint8 or tuple(images.shape[1:]) != form or images.ndim != 4:
            raise EvaluationError(
                f"images of shape {tuple(images.shape)} and type {images.dtype}; the network "
                f"takes torch.uint8 of shape (n, {', '.join(map(str, form))})"
            )
        return class_scores(self.network, images, stack=self.bundle.stack, feed=self.preprocess)

    def probabilities(self, images: Tensor) -> Tensor:
        """Return the probability of each class for uint8 images, (n, classes)."""
        return self.scores(images).softmax(dim=1)


def preprocess(images: Tensor, recorded: Preprocessing) -> Tensor:
    """Return images (n, channels, size, size) as float32, scaled, channels last in memory."""
    scaled = images.to(torch.float32, memory_format=torch.channels_last)
    return scaled.sub_(recorded.subtract).mul_(recorded.multiply)


def load(directory: str | Path, *, digest: str | None = None) -> Classifier:
    """Return the classifier of a bundle. Every byte is checked, and nothing is unpickled.

    Args:
        directory: The bundle, written by ``export``.
        digest: Expected digest of the bundle, if it is known from another source.

    Raises:
        EvaluationError: It is not a bundle, is damaged, was changed, or is another one.
    """
    directory = Path(directory)
    bundle, contents = read_bundle(directory, digest=digest)
    try:
        return classifier_of(bundle, contents[WEIGHTS])
    except ValueError as error:
        raise EvaluationError(f"{directory}: cannot be used: {error}; export it again") from None


def classifier_of(bundle: Bundle, weights: bytes) -> Classifier:
    """Return the classifier of a description and weights.

    Raises:
        ValueError: The layers are not valid, or the weights are not finite or do not fit them.
    """
    _check_stack(bundle, weight_bytes=len(weights))
    return Classifier(bundle=bundle, network=_network_of(bundle.stack, weights))


def _check_stack(bundle: Bundle, *, weight_bytes: int) -> None:
    """Check the layers before memory is allocated for them."""
    image = bundle.stack.image
    if not (1 <= image.channels <= 4 and 1 <= image.size <= _LARGEST_SIDE):
        raise ValueError(f"images of {image.channels} channels and {image.size} pixels a side")
    if not len(bundle.class_names) == image.classes == bundle.stack.head.classes:
        raise ValueError(f"{len(bundle.class_names)} class names for {image.classes} classes")
    if not all(name.isprintable() for name in bundle.class_names):
        raise ValueError("a class name that cannot be printed")
    parameters = complexity(bundle.stack).parameters
    if not 0 < 4 * parameters <= weight_bytes:
        raise ValueError(f"{parameters:,} parameters in {weight_bytes:,} bytes of weights")


def _network_of(stack: Stack, weights: bytes) -> nn.Module:
    try:
        tensors = read_tensors(weights)
    except (SafetensorError, ValueError, KeyError) as error:
        raise ValueError(f"weights that are no safetensors file ({error})") from None
    try:
        network = build(stack, generator=Generator().manual_seed(0))
        _fill(network, tensors)
        form = (1, stack.image.channels, stack.image.size, stack.image.size)
        with torch.inference_mode():
            scores = network.eval()(torch.zeros(form).to(memory_format=torch.channels_last))
    except (RuntimeError, TypeError, KeyError, ArithmeticError) as error:
        reason = str(error).partition("\n")[0][:200]
        raise ValueError(f"the layers do not fit together ({reason})") from None
    if scores.shape != (1, stack.image.classes):
        raise ValueError(f"the layers give scores of shape {tuple(scores.shape)}")
    return network


def _fill(network: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    wanted = network.state_dict()
    if tensors.keys() != wanted.keys():
        odd = ", ".join(sorted(tensors.keys() ^ wanted.keys())[:5])
        raise ValueError(f"weights of other layers: {odd}")
    for name, tensor in tensors.items():
        if tensor.shape != wanted[name].shape or tensor.dtype != wanted[name].dtype:
            raise ValueError(
                f"weights '{name}' of shape {tuple(tensor.shape)} and type {tensor.dtype}, "
                f"expected {tuple(wanted[name].shape)} and {wanted[name].dtype}"
            )
        if not torch.isfinite(tensor).all():
            raise ValueError(f"weights '{name}' that are not finite")
        wanted[name].copy_(tensor)
