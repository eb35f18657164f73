"""Text that describes architectures and trials."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from study.common.formats import (
    counted,
    headline,
    listed,
    measure,
    metric_headline,
    value,
    whole,
)
from study.search_space.candidate import ARCHITECTURE_FIELDS, Value, Values
from study.search_space.resolve import Block, Stack, stack_from_stored
from study.storage.records import TrialRecord

_SHORT = {"conv": "conv", "separable": "sep", "residual": "res"}
_POOLS = {"max": "max", "average": "avg"}
_LARGE_ABOVE = 6


def describe_architecture(architecture: Mapping[str, Any]) -> str:
    """Return a stored architecture in a line: ``conv3-32 → max → sep5-64 → gap → 4``.

    ``conv3-32`` is a 3×3 convolution to 32 channels, ``sep`` a depthwise-separable one, ``res`` a
    residual block, ``max`` and ``avg`` 2×2 pooling, ``gap`` global average pooling. A number alone
    is the width of a linear layer. The text is empty if nothing is stored.
    """
    stack = stack_from_stored(architecture)
    return "" if stack is None else " → ".join(_parts(stack))


def _parts(stack: Stack) -> Iterator[str]:
    for block in stack.blocks:
        if block.operation != "identity":
            operation = _SHORT.get(block.operation, block.operation)
            yield f"{operation}{block.kernel}-{block.out_channels}"
        if block.pool != "none":
            yield _POOLS.get(block.pool, block.pool)
    yield "flatten" if stack.head.kind == "flatten" else "gap"
    if stack.head.hidden_units:
        yield str(stack.head.hidden_units)
    yield str(stack.head.classes)


def architecture_sentence(architecture: Mapping[str, Any]) -> str:
    """Return a stored architecture in a sentence; empty if nothing is stored."""
    stack = stack_from_stored(architecture)
    if stack is None:
        return ""
    head, image = stack.head, stack.image
    last = stack.blocks[-1] if stack.blocks else None
    size = f"{last.size_out}×{last.size_out}×{last.out_channels}" if last else "the image itself"
    vector = "flattened" if head.kind == "flatten" else "averaged over the map"
    hidden = f", through {counted(head.hidden_units, 'hidden unit')}" if head.hidden_units else ""
    dropout = f" with dropout {head.dropout:g}" if head.dropout else ""
    return (
        f"{_block_kinds(stack.blocks)} {'takes' if len(stack.blocks) == 1 else 'take'} "
        f"{image.size}×{image.size}×{image.channels} images to {size}, {vector}"
        f"{hidden}{dropout}, to {head.classes} class scores."
    )


def _block_kinds(blocks: Sequence[Block]) -> str:
    names = {"conv": "convolution", "separable": "separable convolution", "identity": "pooling"}
    kinds = [names.get(block.operation, block.operation) for block in blocks]
    parts = [f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds)]
    if not parts:
        return "No blocks"
    return f"{listed(parts)} block{'s' if len(blocks) > 1 else ''}"


def describe_recipe(params: Values) -> str:
    """Return the choices for the training: ``adamw, learning rate 0.003, flip``."""
    return ", ".join(
        _describe_choice(name, choice)
        for name, choice in params.items()
        if name not in ARCHITECTURE_FIELDS and not name.startswith("stage")
        if choice is not False
    )


def _describe_choice(name: str, choice: Value) -> str:
    if choice is True:
        return headline(name).lower()
    if name == "optimizer":
        return str(choice)
    return f"{headline(name).lower()} {value(choice)}"


def is_large_space(parameters: Sequence[str]) -> bool:
    """Return whether the architecture's text is easier to read than all these parameters."""
    return len(parameters) > _LARGE_ABOVE


def space_parameters(records: Sequence[TrialRecord], parameters: Sequence[str]) -> list[str]:
    """Return the parameters of the space, then those that only old trials have."""
    found = (name for record in records for name in record.params)
    return list(dict.fromkeys([*parameters, *found]))


def describe_trial(record: TrialRecord, parameters: Sequence[str], metric: str) -> str:
    """Return a trial's choices and result in one line; for a large space, recipe and result.

    Args:
        parameters: The space's parameters, in order.
        metric: The first objective.
    """
    if not is_large_space(space_parameters([record], parameters)):
        return describe_trial_in_full(record, parameters, metric)
    result = f"{metric_headline(metric)}: {measure(metric, record.value)}"
    return "; ".join(filter(None, [result, describe_choices(record, parameters)]))


def describe_trial_in_full(record: TrialRecord, parameters: Sequence[str], metric: str) -> str:
    """Return all choices of a trial and its result: ``Conv layers: 2, Accuracy: 0.8193``."""
    result = f"{metric_headline(metric)}: {measure(metric, record.value)}"
    return ", ".join([*_choices(record, parameters), result])


def describe_choices(record: TrialRecord, parameters: Sequence[str]) -> str:
    """Return a trial's choices, ``Conv layers: 2, Dropout: 0.2``, or its recipe."""
    names = space_parameters([record], parameters)
    if is_large_space(names):
        return describe_recipe({n: record.params[n] for n in names if n in record.params})
    return ", ".join(_choices(record, parameters))


def _choices(record: TrialRecord, parameters: Sequence[str]) -> list[str]:
    return [
        f"{headline(name)}: {value(record.params[name])}"
        for name in space_parameters([record], parameters)
        if name in record.params
    ]


def describe_state(record: TrialRecord) -> str:
    """Return the state of a trial, with its reason, in one line."""
    if record.state == "failed":
        kind = record.failure.kind if record.failure else "interrupted before it began"
        outcome = "lost" if record.lost else "failed"
        return _one_line(f"{outcome}: {kind}{_repeat_of(record)}")
    if record.state == "complete":
        if record.reused_from is not None:
            return f"duplicate of {record.reused_from}"
        if record.draw is not None and record.draw.continues is not None:
            return f"complete, continues {record.draw.continues}"
        return f"complete{_repeat_of(record)}"
    if record.state == "pruned":
        reason = _one_line(record.reason or "")
        return reason if reason.startswith("pruned") else f"pruned: {reason}".rstrip(": ")
    if record.state == "running":
        done = max(record.intermediate, default=0)
        return f"running, epoch {done} done" if done else "running"
    return "waiting"


def _repeat_of(record: TrialRecord) -> str:
    if record.draw is None or record.draw.retry_of is None:
        return ""
    return f" (repeat of {record.draw.retry_of})"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def describe_size(record: TrialRecord) -> str:
    """Return the size of a network; empty if it is unknown."""
    parts = []
    if record.parameters is not None:
        parts.append(f"{whole(record.parameters)} parameters")
    if record.macs is not None:
        parts.append(f"{whole(record.macs)} MACs an image")
    return ", ".join(parts)
