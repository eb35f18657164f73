"""The weights of a supernet: one set for every network of a space.

A path is a network of the space. Its layers are those of ``study.network``. Its weights are slices
of the shared ones, so training a path trains every network that shares them:

- Block i has one set of convolutions for each operation and normalisation. Narrower convolutions
  take the leading channels, smaller kernels the middle of the largest.
- There is one head for each size of the map that enters it. Fewer hidden units take the leading
  rows, fewer channels the leading ones at every position.

Running statistics of batch normalisation are not shared. Each path has its own.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Generator, Tensor, nn
from torch.func import functional_call

from study.network.blocks import BLOCKS, BatchNorm, head
from study.performance_estimation.training.process import derived_generator
from study.search_space.candidate import ARCHITECTURE_FIELDS, STAGE_FIELDS, ImageFormat, Value
from study.search_space.parameter import CategoricalParameter
from study.search_space.resolve import Block, Head, Stack
from study.search_space.space import STAGE_COUNT, SearchSpace

_IN, _OUT, _KERNEL, _FEATURES, _HIDDEN = 1009, 2003, 7, 4001, 3001
"""Placeholders for dimensions, to find a layer's shapes; no layer of these sizes is built."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Widest:
    """The largest layers of a space, and the channels of an image."""

    channels: int
    kernel: int
    hidden_units: int
    image_channels: int


def _widest(space: SearchSpace, image: ImageFormat) -> _Widest:
    return _Widest(
        channels=_largest(space, "channels"),
        kernel=_largest(space, "kernel"),
        hidden_units=_largest(space, "hidden_units"),
        image_channels=image.channels,
    )


def _largest(space: SearchSpace, field: str) -> int:
    stages = max(_values(space, STAGE_COUNT, default=0))
    if stages and field in STAGE_FIELDS:
        names = [f"stage{i}.{field}" for i in range(1, stages + 1)]
    else:
        names = [field]
    default = ARCHITECTURE_FIELDS[field].default
    return max(value for name in names for value in _values(space, name, default=default))


def _values(space: SearchSpace, name: str, *, default: Value) -> list[int]:
    """Return the smallest and the largest value of an integer field, or its choices."""
    parameter = space.by_name.get(name)
    if parameter is None:
        return [int(space.fixed.get(name, default))]
    if isinstance(parameter, CategoricalParameter):
        return [int(choice) for choice in parameter.choices]
    return [int(parameter.low), int(parameter.high)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Slot:
    """A shared tensor of which a path takes a slice."""

    key: str
    shape: tuple[int, ...]
    positions: int = 0  # > 0 for the layer behind a map: (rows, positions, channels)


class SharedWeights(nn.Module):
    """The weights of all networks of a space.

    A tensor is made when a path first needs it. Its initial values depend on the seed and its name
    alone, not on the tensors made before.
    """

    def __init__(
        self, space: SearchSpace, image: ImageFormat, *, seed: int, device: torch.device
    ) -> None:
        super().__init__()
        self._widest, self._seed, self._device = _widest(space, image), seed, device
        self.tensors = nn.ParameterDict()

    def make(self, stack: Stack) -> list[nn.Parameter]:
        """Make the missing tensors of a path and return them."""
        missing = [s for s in self._slots(stack).values() if s.key not in self.tensors]
        return [
            self._add(s.key, _initial(s, derived_generator(self._seed, "supernet", s.key)))
            for s in missing
        ]

    def has(self, stack: Stack) -> bool:
        """Return whether every tensor of a path exists."""
        return all(slot.key in self.tensors for slot in self._slots(stack).values())

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Replace all tensors by these, in their order."""
        self.tensors = nn.ParameterDict()
        for key, values in tensors.items():
            self._add(key, values)

    def weights(self, stack: Stack) -> dict[str, Tensor]:
        """Return the slices of a path's network, by the names of its parameters."""
        shapes = {name: p.shape for name, p in layers(stack).named_parameters()}
        return {
            name: _cut(self.tensors[slot.key], shapes[name], slot)
            for name, slot in self._slots(stack).items()
        }

    def _slots(self, stack: Stack) -> Mapping[str, _Slot]:
        return _slots(stack, self._widest)

    def _add(self, key: str, values: Tensor) -> nn.Parameter:
        values = values.to(self._device)
        if values.ndim == 4:
            values = values.contiguous(memory_format=torch.channels_last)
        parameter = nn.Parameter(values)
        self.tensors[key] = parameter
        return parameter


def path_scores(
    stack: Stack, weights: Mapping[str, Tensor], statistics: Mapping[str, Tensor], images: Tensor
) -> Tensor:
    """Return the class scores (n, classes) that a path gives to images.

    Args:
        stack: The path. ``layers(stack)`` holds the mode, training or evaluation.
        statistics: Those of batch normalisation; updated in training mode.
        images: As ``normalise`` returns them.
    """
    scores: Tensor = functional_call(layers(stack), {**weights, **statistics}, (images,))
    return scores


def fresh_statistics(stack: Stack, device: torch.device) -> dict[str, Tensor]:
    """Return the initial statistics of batch normalisation."""
    return {
        name: torch.ones(b.shape, dtype=b.dtype, device=device)
        if name.endswith("running_var")
        else torch.zeros(b.shape, dtype=b.dtype, device=device)
        for name, b in layers(stack).named_buffers()
    }


@lru_cache(maxsize=512)
def layers(stack: Stack) -> nn.Sequential:
    """Return the layers of a path, without weights; the same object for equal paths.

    Batch normalisation uses the plain mean over all batches.
    """
    with torch.device("meta"):
        blocks = (BLOCKS[block.operation](block) for block in stack.blocks)
        network = nn.Sequential(*blocks, head(stack.head))
    for layer in network.modules():
        if isinstance(layer, BatchNorm):
            layer.momentum = None
    return network


@lru_cache(maxsize=512)
def _slots(stack: Stack, widest: _Widest) -> Mapping[str, _Slot]:
    """Return the shared tensor of every parameter of a path, by the parameter's name."""
    names = [name for name, _ in layers(stack).named_parameters()]
    slots = {**dict(_block_slots(stack, widest)), **dict(_head_slots(stack, widest))}
    return {name: slots[name] for name in names}


def _block_slots(stack: Stack, widest: _Widest) -> Iterator[tuple[str, _Slot]]:
    """Yield all slots that blocks can have, with those of shortcuts, which some paths lack."""
    channels = max(widest.channels, widest.image_channels)
    for index, block in enumerate(stack.blocks):
        lengths = {
            _IN: channels if index else widest.image_channels,
            _OUT: channels,
            _KERNEL: widest.kernel,
        }
        group = f"block{index + 1}/{block.operation}/{block.norm}"
        for name, shape in _block_shapes(block):
            full = tuple(lengths.get(length, length) for length in shape)
            yield f"{index}.{name}", _Slot(key=_key(group, name), shape=full)


def _head_slots(stack: Stack, widest: _Widest) -> Iterator[tuple[str, _Slot]]:
    flatten = stack.head.kind == "flatten"
    size = stack.blocks[-1].size_out if stack.blocks else stack.image.size
    positions = size**2 if flatten else 1
    channels = max(widest.channels, widest.image_channels)
    group = f"head/{stack.head.kind}/{size if flatten else 1}"
    for name, shape in _head_shapes(stack.head):
        rows = tuple(widest.hidden_units if length == _HIDDEN else length for length in shape)
        key = _key(group, name)
        if rows[-1] == _FEATURES:
            shared = (rows[0], positions, channels)
            yield f"{len(stack.blocks)}.{name}", _Slot(key=key, shape=shared, positions=positions)
        else:
            yield f"{len(stack.blocks)}.{name}", _Slot(key=key, shape=rows)


def _key(group: str, name: str) -> str:
    return f"{group}/{name}".replace(".", "/")  # a parameter's name may hold no dot


def _block_shapes(block: Block) -> list[tuple[str, tuple[int, ...]]]:
    """Return the shapes of a block's parameters, with placeholders for its dimensions."""
    if block.operation == "identity":
        return []
    symbolic = dataclasses.replace(block, in_channels=_IN, out_channels=_OUT, kernel=_KERNEL)
    with torch.device("meta"):
        return _shapes(BLOCKS[block.operation](symbolic))


def _head_shapes(description: Head) -> list[tuple[str, tuple[int, ...]]]:
    hidden_units = _HIDDEN if description.hidden_units else 0
    symbolic = dataclasses.replace(description, in_features=_FEATURES, hidden_units=hidden_units)
    with torch.device("meta"):
        return _shapes(head(symbolic))


def _shapes(layer: nn.Module) -> list[tuple[str, tuple[int, ...]]]:
    return [(name, tuple(p.shape)) for name, p in layer.named_parameters()]


def _cut(shared: Tensor, shape: torch.Size, slot: _Slot) -> Tensor:
    """Return the slice of a shared tensor that has this shape."""
    if slot.positions:
        channels = shape[1] // slot.positions
        return shared[: shape[0], :, :channels].reshape(shape)
    if shared.ndim == 4:
        edge = (shared.shape[3] - shape[3]) // 2
        inside = slice(edge, edge + shape[3])
        return shared[: shape[0], : shape[1], inside, inside]
    return shared[tuple(slice(length) for length in shape)]


def _initial(slot: _Slot, generator: Generator) -> Tensor:
    """Return weights uniform in ±1/√fan_in of the widest network, scales 1, offsets 0."""
    if len(slot.shape) == 1:
        return torch.full(slot.shape, 1.0 if slot.key.endswith("weight") else 0.0)
    bound = 1 / math.sqrt(math.prod(slot.shape[1:]))
    return torch.empty(slot.shape).uniform_(-bound, bound, generator=generator)
