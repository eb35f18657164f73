"""Text for the parts of a space: numbers, ranges, conditions, bounds and layers."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from study.search_space.candidate import Value
from study.search_space.parameter import AnyParameter, CategoricalParameter, IntParameter
from study.search_space.resolve import Block, Head, Stack, block_complexity, linear_shapes
from study.search_space.space import STAGE_COUNT, Bound

STAGE_PREFIX = re.compile(r"stage\d+\.")


def describe_number(number: float) -> str:
    """Return a number in a form that every YAML reader takes for one: ``1.0e-4``."""
    if number == int(number) and abs(number) <= 1e15:
        return str(int(number))
    if abs(number) >= 1e-3:
        return f"{number:.12g}"
    mantissa, _, exponent = f"{number:.11e}".partition("e")
    mantissa = mantissa.rstrip("0")
    return f"{mantissa}0e{int(exponent)}" if mantissa.endswith(".") else f"{mantissa}e{exponent}"


def describe_value(value: Value) -> str:
    """Return a value as YAML writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else describe_number(float(value))


def describe_values(parameter: AnyParameter) -> str:
    """Return the values that a parameter may have."""
    if isinstance(parameter, CategoricalParameter):
        return join_values(parameter.choices)
    low, high = describe_number(float(parameter.low)), describe_number(float(parameter.high))
    text = f"{low} to {high}"
    if isinstance(parameter, IntParameter):
        text += f" in steps of {parameter.step}" if parameter.step > 1 else ""
    elif parameter.step is not None:
        text += f" in steps of {describe_number(parameter.step)}"
    return f"{text}, logarithmic" if parameter.log else text


def describe_condition(parameter: AnyParameter) -> str:
    """Return the condition of a parameter, or an empty text.

    The condition that the stage of the parameter exists is left out.
    """
    staged = STAGE_PREFIX.match(parameter.name)
    return " and ".join(
        f"{STAGE_PREFIX.sub('', condition.parameter)} is {join_values(condition.values)}"
        for condition in parameter.when
        if not (staged and condition.parameter == STAGE_COUNT)
    )


def describe_parameter(parameter: AnyParameter) -> str:
    """Return a parameter's type, values, grid and condition in one line."""
    kind = type(parameter).__name__.removesuffix("Parameter").lower()
    text = f"{kind} {describe_values(parameter)}"
    if not isinstance(parameter, CategoricalParameter) and parameter.grid_points is not None:
        text += f", {parameter.grid_points} of them in a grid"
    condition = describe_condition(parameter)
    return f"{text}, where {condition}" if condition else text


def describe_bound(bound: Bound) -> str:
    """Return the ends of a bound; empty if it has none."""
    low = f"at least {bound.low:,.0f}" if bound.low is not None else ""
    high = f"at most {bound.high:,.0f}" if bound.high is not None else ""
    return ", ".join(filter(None, (low, high)))


def join_values(values: Iterable[Value], last: str = "or") -> str:
    """Return values as ``3, 4 or 5``; ``last`` is the word before the last value."""
    texts = [describe_value(value) for value in values]
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} {last} {texts[-1]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One layer, as drawings and tables show it.

    Args:
        name: The operation: ``Convolution 3×3``.
        detail: The rest of the block: ``batch norm, ReLU, max-pool 2×2``.
        shape: Shape of the output: ``13×13×32``.
        size: Side of the output map, in pixels; 1 for a vector.
    """

    name: str
    detail: str
    shape: str
    size: int
    parameters: int


_OPERATIONS = {"conv": "Convolution", "separable": "Separable", "residual": "Residual"}
_NORMS = {"batch": "batch norm"}
_ACTIVATIONS = {"relu": "ReLU", "silu": "SiLU", "gelu": "GELU"}


def describe_layers(stack: Stack) -> list[Layer]:
    """Return the layers of a network, from the image to the class scores."""
    image = stack.image
    colours = {1: "grey", 3: "RGB"}.get(image.channels, "")
    first = _map("Image", colours, image.size, image.channels)
    return [first, *map(_block_layer, stack.blocks), *_head_layers(stack.head)]


def _block_layer(block: Block) -> Layer:
    pooling = "" if block.pool == "none" else f"{block.pool}-pool 2×2"
    if block.operation == "identity":
        return _map(pooling[:1].upper() + pooling[1:], "", block.size_out, block.out_channels)
    operation = _OPERATIONS.get(block.operation, block.operation)
    details = [_NORMS.get(block.norm, ""), _ACTIVATIONS.get(block.activation, ""), pooling]
    return _map(
        f"{operation} {block.kernel}×{block.kernel}",
        ", ".join(filter(None, details)),
        block.size_out,
        block.out_channels,
        parameters=block_complexity(block).parameters,
    )


def _head_layers(head: Head) -> list[Layer]:
    name = "Flatten" if head.kind == "flatten" else "Global average"
    layers = [_vector(name, head.in_features)]
    *hidden, (features, classes) = linear_shapes(head)
    for inputs, outputs in hidden:
        detail = _ACTIVATIONS.get(head.activation, "")
        layers.append(_vector("Hidden layer", outputs, detail, (inputs + 1) * outputs))
    dropout = f"dropout {head.dropout:g}" if head.dropout else ""
    return [*layers, _vector("Class scores", classes, dropout, (features + 1) * classes)]


def _vector(name: str, length: int, detail: str = "", parameters: int = 0) -> Layer:
    return Layer(name=name, detail=detail, shape=f"{length:,}", size=1, parameters=parameters)


def _map(name: str, detail: str, size: int, channels: int, *, parameters: int = 0) -> Layer:
    shape = f"{size}×{size}×{channels}"
    return Layer(name=name, detail=detail, shape=shape, size=size, parameters=parameters)
