"""Resolves a candidate to its actual layers, counts their weights and gives it an identity.

Two descriptions that build the same network and train it in the same way are one candidate. The
plain CNN stops adding blocks when the map is at most two pixels wide, so the depths 3, 4 and 5
of the space ``seed`` resolve to one stack on 28×28 images (28 → 13 → 5 → 1).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import Any

from study.search_space.candidate import (
    RECIPE_FIELDS,
    Architecture,
    Candidate,
    ImageFormat,
    Recipe,
    Stage,
    Value,
)

NARROWEST = 2
"""A map of this width or less gets no further block."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One resolved block: convolution(s), normalisation, activation, pooling.

    The operation ``identity`` is pooling only; its ``kernel`` is 0. The sizes are the widths of
    the map in pixels: of the input, after the convolutions, and after 2×2 pooling.
    """

    operation: str
    kernel: int
    padding: int
    in_channels: int
    out_channels: int
    norm: str
    activation: str
    pool: str
    size_in: int
    size_conv: int
    size_out: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The layers between the last map and the class scores.

    Without a hidden layer, ``hidden_units`` is 0 and ``activation`` is ``none``.
    """

    kind: str
    in_features: int
    hidden_units: int
    activation: str
    dropout: float
    classes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """The actual layers of a candidate, from the image to the class scores."""

    image: ImageFormat
    blocks: tuple[Block, ...]
    head: Head


def stack_from_stored(stored: Mapping[str, Any]) -> Stack | None:
    """Return the stack whose ``asdict`` a trial stored; None if there is no complete one."""
    try:
        return Stack(
            image=ImageFormat(**stored["image"]),
            blocks=tuple(Block(**block) for block in stored["blocks"]),
            head=Head(**stored["head"]),
        )
    except (KeyError, TypeError):
        return None


def resolve(architecture: Architecture, image: ImageFormat) -> Stack:
    """Return the layers of ``architecture`` on images of this format."""
    # networks that differ only in the head share the cached blocks
    blocks = _blocks(replace(architecture, head="", hidden_units=0, dropout=0.0), image)
    channels = blocks[-1].out_channels if blocks else image.channels
    size = blocks[-1].size_out if blocks else image.size
    return Stack(
        image=image,
        blocks=blocks,
        head=_head(architecture, channels=channels, size=size, classes=image.classes),
    )


@lru_cache(maxsize=4096)
def _blocks(body: Architecture, image: ImageFormat) -> tuple[Block, ...]:
    blocks: list[Block] = []
    channels, size = image.channels, image.size
    plain = Stage(operation="conv", kernel=body.kernel, channels=body.channels, pool=body.pool)
    for stage in body.stages or (plain,) * body.conv_layers:
        block = _block(stage, body, channels, size)
        if block is None:
            continue
        blocks.append(block)
        channels, size = block.out_channels, block.size_out
    return tuple(blocks)


def _block(stage: Stage, architecture: Architecture, in_channels: int, size: int) -> Block | None:
    """Return the block of a stage, or None if the map has no room for it."""
    if size <= NARROWEST:
        return None
    identity = stage.operation == "identity"
    if identity and stage.pool == "none":
        return None
    same = architecture.padding == "same" or stage.operation == "residual"
    if not identity and not same and size < stage.kernel:
        return None
    kernel = 0 if identity else stage.kernel
    size_conv = size if identity or same else size - kernel + 1
    pool = stage.pool if size_conv >= 2 else "none"  # nothing to pool on a single pixel
    return Block(
        operation=stage.operation,
        kernel=kernel,
        padding=kernel // 2 if same else 0,
        in_channels=in_channels,
        out_channels=in_channels if identity else stage.channels,
        norm="none" if identity else architecture.norm,
        activation="none" if identity else architecture.activation,
        pool=pool,
        size_in=size,
        size_conv=size_conv,
        size_out=size_conv if pool == "none" else size_conv // 2,
    )


def _head(architecture: Architecture, *, channels: int, size: int, classes: int) -> Head:
    flatten = architecture.head == "flatten"
    return Head(
        kind=architecture.head,
        in_features=channels * size * size if flatten else channels,
        hidden_units=architecture.hidden_units if flatten else 0,
        activation=architecture.activation if flatten else "none",
        dropout=float(architecture.dropout),
        classes=classes,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Complexity:
    """The size of a network.

    ``macs`` are the multiply-accumulates of the convolutions and linear layers for one image.
    """

    parameters: int
    macs: int
    conv_macs: int


def complexity(stack: Stack) -> Complexity:
    """Count parameters and multiply-accumulates without building the network."""
    blocks = [block_complexity(block) for block in stack.blocks]
    linear = linear_shapes(stack.head)
    conv_macs = sum(block.conv_macs for block in blocks)
    return Complexity(
        parameters=sum(block.parameters for block in blocks) + sum(i * o + o for i, o in linear),
        macs=conv_macs + sum(i * o for i, o in linear),
        conv_macs=conv_macs,
    )


@lru_cache(maxsize=4096)
def block_complexity(block: Block) -> Complexity:
    """Count parameters and multiply-accumulates of one block."""
    parameters = macs = 0
    for weights, outputs, channels in _convolutions(block):
        parameters += weights + (2 * channels if block.norm == "batch" else channels)
        macs += weights * outputs
    return Complexity(parameters=parameters, macs=macs, conv_macs=macs)


def _convolutions(block: Block) -> Iterator[tuple[int, int, int]]:
    """Yield (weights, output positions, output channels) of each normalised convolution."""
    k2, positions = block.kernel**2, block.size_conv**2
    c_in, c_out = block.in_channels, block.out_channels
    if block.operation == "conv":
        yield c_in * c_out * k2, positions, c_out
    elif block.operation == "separable":
        # depthwise and pointwise share one normalisation, after the second
        yield c_in * k2 + c_in * c_out, positions, c_out
    elif block.operation == "residual":
        yield c_in * c_out * k2, positions, c_out
        yield c_out * c_out * k2, positions, c_out
        if c_in != c_out:
            yield c_in * c_out, positions, c_out


def linear_shapes(head: Head) -> tuple[tuple[int, int], ...]:
    """Return (inputs, outputs) of the linear layers; the last one gives the class scores."""
    if head.hidden_units:
        return (head.in_features, head.hidden_units), (head.hidden_units, head.classes)
    return ((head.in_features, head.classes),)


def candidate_id(candidate: Candidate, image: ImageFormat) -> str:
    """Return 16 hex digits that identify the resolved network and its recipe.

    SHA-256 over canonical JSON. It does not depend on process, platform or field order, and stored
    studies rely on it.
    """
    stack = _stack_text(resolve(candidate.architecture, image))
    return _digest(f'{{"recipe":{_recipe_text(candidate.recipe)},"stack":{stack}}}')


def architecture_id(architecture: Architecture, image: ImageFormat) -> str:
    """Return 16 hex digits that identify the resolved network."""
    return _digest(_stack_text(resolve(architecture, image)))


def recipe_id(recipe: Recipe) -> str:
    """Return 16 hex digits that identify the effect of a recipe."""
    return _digest(_recipe_text(recipe))


def resolved_recipe(recipe: Recipe) -> dict[str, object]:
    """Return the fields of a recipe that have an effect, numbers in their field's type.

    AdamW differs from Adam only in its weight decay; without decay they are the same optimizer.
    """
    types: dict[str, Callable[[Value], object]] = {"int": int, "float": float, "bool": bool}
    resolved = {
        name: types.get(f.kind, str)(getattr(recipe, name)) for name, f in RECIPE_FIELDS.items()
    }
    for name in _OPTIONAL:
        if not resolved[name]:
            del resolved[name]
    if recipe.optimizer != "sgd":
        del resolved["momentum"]
    if recipe.optimizer == "adamw" and not recipe.weight_decay:
        resolved["optimizer"] = "adam"
    return resolved


_OPTIONAL = ("rotate", "scale", "brightness", "erase", "mixup", "ema", "steps", "images")
"""Fields of a recipe that have no effect at 0."""


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _stack_text(stack: Stack) -> str:
    """Return the canonical JSON of a stack, assembled from cached pieces."""
    blocks = ",".join(_flat_text(block) for block in stack.blocks)
    head, image = _json(_flat(stack.head)), _flat_text(stack.image)
    return f'{{"blocks":[{blocks}],"head":{head},"image":{image}}}'


@lru_cache(maxsize=4096)
def _flat_text(part: Block | ImageFormat) -> str:
    return _json(_flat(part))


@lru_cache(maxsize=4096)
def _recipe_text(recipe: Recipe) -> str:
    return _json(resolved_recipe(recipe))


def _flat(part: Block | Head | ImageFormat) -> dict[str, object]:
    """Return the fields; ``asdict`` is several times slower, and enumerations call this often."""
    return {field.name: getattr(part, field.name) for field in fields(part)}


_json = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode
