"""The stack of layers that a trial stored, read back, with what each layer costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from study.search_space.candidate import ImageFormat
from study.search_space.resolve import Block, Head, Stack, complexity


def stored_stack(stored: Mapping[str, Any]) -> Stack | None:
    """Return the stack whose ``asdict`` a trial stored; None where none or another form lies."""
    try:
        return Stack(
            image=ImageFormat(**stored["image"]),
            blocks=tuple(Block(**block) for block in stored["blocks"]),
            head=Head(**stored["head"]),
        )
    except (KeyError, TypeError):
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One line of a drawing.

    Args:
        name: What the layer does: ``conv 3×3``.
        detail: The rest of it: ``batch norm, ReLU, max-pool 2×2``.
        shape: What leaves it: ``13×13×32``.
        size: Side of the map that leaves it, in pixels; 1 for a vector.
        parameters: Trainable numbers in it.
    """

    name: str
    detail: str
    shape: str
    size: int
    parameters: int


_OPERATIONS = {"conv": "Convolution", "separable": "Separable", "residual": "Residual"}
_NORMS = {"batch": "batch norm"}
_ACTIVATIONS = {"relu": "ReLU", "silu": "SiLU", "gelu": "GELU"}


def layers(stack: Stack) -> list[Layer]:
    """Return the layers of a stack, from the image to the class scores."""
    image = stack.image
    first = Layer(
        name="Image",
        detail="grey" if image.channels == 1 else "RGB" if image.channels == 3 else "",
        shape=_map_shape(image.size, image.channels),
        size=image.size,
        parameters=0,
    )
    return [first, *(_block_layer(stack, block) for block in stack.blocks), *_head_layers(stack)]


def _block_layer(stack: Stack, block: Block) -> Layer:
    headless = complexity(replace(stack, blocks=())).parameters
    pooling = "" if block.pool == "none" else f"{block.pool}-pool 2×2"
    if block.operation == "identity":
        name, details = pooling[:1].upper() + pooling[1:], []
    else:
        name = f"{_OPERATIONS.get(block.operation, block.operation)} {block.kernel}×{block.kernel}"
        details = [_NORMS.get(block.norm, ""), _ACTIVATIONS.get(block.activation, ""), pooling]
    return Layer(
        name=name,
        detail=", ".join(filter(None, details)),
        shape=_map_shape(block.size_out, block.out_channels),
        size=block.size_out,
        parameters=complexity(replace(stack, blocks=(block,))).parameters - headless,
    )


def _head_layers(stack: Stack) -> list[Layer]:
    head = stack.head
    flatten = head.kind == "flatten"
    found = [_vector("Flatten" if flatten else "Global average", head.in_features)]
    features = head.in_features
    if head.hidden_units:
        found.append(
            _vector(
                "Hidden layer",
                head.hidden_units,
                detail=_ACTIVATIONS.get(head.activation, ""),
                parameters=(features + 1) * head.hidden_units,
            )
        )
        features = head.hidden_units
    scores = _vector(
        "Class scores",
        head.classes,
        detail=f"dropout {head.dropout:g}" if head.dropout else "",
        parameters=(features + 1) * head.classes,
    )
    return [*found, scores]


def _vector(name: str, length: int, *, detail: str = "", parameters: int = 0) -> Layer:
    return Layer(name=name, detail=detail, shape=f"{length:,}", size=1, parameters=parameters)


def _map_shape(size: int, channels: int) -> str:
    return f"{size}×{size}×{channels}"
