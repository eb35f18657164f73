"""ReLU and 2×2 max pooling in one step, the slowest part of a small network on a CPU.

PyTorch's pooling stores a 64-bit index for every output and scatters into zeros in the backward
pass. In bfloat16 the bits can be compared instead: of two non-negative floats, the larger one has
the larger bit pattern, read as an integer. So ReLU is an integer maximum with zero, and pooling is
three more integer maxima. Masks record which pixel won, and route the gradient with ``and`` and
``xor``. Integer operations on 16 bits also avoid the conversions of bfloat16 arithmetic.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

_SIGN_SHIFT = 15
"""A right shift by 15 of a 16-bit integer gives -1 for a negative number and 0 otherwise."""

_CHUNK = 200_000
"""Pixels times channels processed at a time; this much fits into the second-level cache."""

_SMALLEST = 1_000_000
"""Pixels times channels of a batch; below this, PyTorch's own pooling is as fast."""


class ReluMaxPool(nn.Sequential):
    """2×2 max pooling with stride 2, then ReLU (either order is the same function).

    Large bfloat16 batches on a CPU use integer operations. For all numbers, including infinities,
    outputs and gradients equal PyTorch's bit for bit: of equal inputs, the first in reading order
    wins. A NaN with the sign bit set becomes 0.
    """

    def __init__(self) -> None:
        super().__init__(nn.MaxPool2d(2), nn.ReLU())

    def forward(self, images: Tensor) -> Tensor:
        """Return (n, c, h // 2, w // 2) of images (n, c, h, w); fastest with channels last."""
        on_cpu = images.device.type == "cpu"
        if on_cpu and images.dtype == torch.bfloat16 and images.numel() >= _SMALLEST:
            return _ReluMaxPool.apply(images)  # type: ignore[no-any-return]
        return super().forward(images)  # type: ignore[no-any-return, no-untyped-call]


class _ReluMaxPool(torch.autograd.Function):
    """Saves two masks: where the right column won, and where the lower row won.

    Columns are compared before rows, and the first of equal pixels wins, as in PyTorch.
    """

    @staticmethod
    def forward(ctx: Any, images: Tensor) -> Tensor:
        bits = _bits(images)
        n, (height, width), channels = len(bits), _even(bits), bits.shape[3]
        chunk = _chunk(bits)
        right_won = bits.new_empty(n, height, width // 2, channels)
        lower_won = bits.new_empty(n, height // 2, width // 2, channels)
        outputs = torch.empty_like(lower_won)
        positive = bits.new_empty(chunk, height, width, channels)
        columns = torch.empty_like(right_won[:chunk])
        for start in range(0, n, chunk):
            here = slice(start, start + chunk)
            part = bits[here, :height, :width]
            # without negative numbers no difference below overflows
            left, right = _pairs(torch.clamp(part, min=0, out=positive[: len(part)]), dim=2)
            upper, lower = _pairs(torch.maximum(left, right, out=columns[: len(part)]), dim=1)
            torch.sub(left, right, out=right_won[here]).bitwise_right_shift_(_SIGN_SHIFT)
            torch.sub(upper, lower, out=lower_won[here]).bitwise_right_shift_(_SIGN_SHIFT)
            torch.maximum(upper, lower, out=outputs[here])
        ctx.save_for_backward(lower_won, right_won, outputs)
        ctx.shape = bits.shape
        return _images(outputs)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        lower_won, right_won, outputs = ctx.saved_tensors
        incoming = _bits(gradient)
        routed = outputs.new_empty(ctx.shape)
        height, width = _even(routed)
        routed[:, height:] = 0
        routed[:, :, width:] = 0
        chunk = _chunk(routed)
        positive = torch.empty_like(outputs[:chunk])
        columns = torch.empty_like(right_won[:chunk])
        for start in range(0, len(routed), chunk):
            here = slice(start, start + chunk)
            part = routed[here, :height, :width]
            mask = torch.neg(outputs[here], out=positive[: len(part)])
            mask.bitwise_right_shift_(_SIGN_SHIFT).bitwise_and_(incoming[here])
            _route(mask, lower_won[here], *_pairs(columns[: len(part)], dim=1))
            _route(columns[: len(part)], right_won[here], *_pairs(part, dim=2))
        return _images(routed)


def _route(gradient: Tensor, second_won: Tensor, first: Tensor, second: Tensor) -> None:
    """Write the gradient's bits to ``second`` where it won and to ``first`` elsewhere."""
    torch.bitwise_and(gradient, second_won, out=second)
    torch.bitwise_xor(gradient, second, out=first)


def _bits(images: Tensor) -> Tensor:
    """Return images (n, c, h, w) as 16-bit integers (n, h, w, c): a view."""
    return images.permute(0, 2, 3, 1).view(torch.int16)


def _images(bits: Tensor) -> Tensor:
    return bits.view(torch.bfloat16).permute(0, 3, 1, 2)


def _even(bits: Tensor) -> tuple[int, int]:
    """Return height and width without an odd last row or column, which pooling ignores."""
    return bits.shape[1] // 2 * 2, bits.shape[2] // 2 * 2


def _pairs(bits: Tensor, *, dim: int) -> tuple[Tensor, Tensor]:
    """Return the first and the second of each pair of neighbours along ``dim``, as views."""
    return (bits[:, ::2], bits[:, 1::2]) if dim == 1 else (bits[:, :, ::2], bits[:, :, 1::2])


def _chunk(bits: Tensor) -> int:
    """Return the number of images to process at a time."""
    return min(len(bits), max(1, _CHUNK // bits[0].numel()))
