"""The layers of the networks.

Every layer computes in the type of its input. Weights are stored in float32 and cast in the
forward pass, so a network with bfloat16 images trains in bfloat16 with float32 master weights.
Images are (n, c, h, w), channels last in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from study.network.relu_pool import ReluMaxPool
from study.search_space.resolve import Block, Head, linear_shapes

ACTIVATIONS: Mapping[str, Callable[[], nn.Module]] = MappingProxyType(
    {"relu": nn.ReLU, "silu": nn.SiLU, "gelu": nn.GELU, "none": nn.Identity}
)

POOLS: Mapping[str, Callable[[], nn.Module]] = MappingProxyType(
    {"max": lambda: nn.MaxPool2d(2), "average": lambda: nn.AvgPool2d(2), "none": nn.Identity}
)


class Convolution(nn.Conv2d):
    """A convolution with stride 1 that computes in the type of its input."""

    def forward(self, images: Tensor) -> Tensor:
        bias = None if self.bias is None else self.bias.to(images.dtype)
        weight = self.weight.to(images.dtype)
        return self._conv_forward(images, weight, bias)  # type: ignore[no-any-return]


class Linear(nn.Linear):
    """A linear layer that computes in the type of its input."""

    def forward(self, features: Tensor) -> Tensor:
        return F.linear(features, self.weight.to(features.dtype), self.bias.to(features.dtype))


class BatchNorm(nn.BatchNorm2d):
    """Batch normalisation that uses its running statistics if a batch has one value per channel.

    PyTorch raises an error for such a batch. It occurs when the last batch has one image and the
    map has one pixel.
    """

    def forward(self, images: Tensor) -> Tensor:
        if self.training and images.numel() == self.num_features:
            return F.batch_norm(
                images, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
            )
        return super().forward(images)


class Dropout(nn.Module):
    """Dropout with its own random generator.

    Training sets a feature to zero with probability ``share``, and scales the others by
    1 / (1 - share).
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share
        self.generator: Generator | None = None

    def reseed(self, seed: int, device: torch.device) -> None:
        """Seed the generator on ``device``."""
        if self.generator is None or self.generator.device != device:
            self.generator = Generator(device)
        self.generator.manual_seed(seed)

    def forward(self, features: Tensor) -> Tensor:
        if not self.training or self.share == 0.0:
            return features
        # uniform numbers are drawn in sequence, so a batch in two parts gets the same mask
        draws = torch.rand(features.shape, generator=self.generator, device=features.device)
        return features * (draws >= self.share).to(features.dtype).div_(1 - self.share)


class Flatten(nn.Module):
    """(n, c, h, w) → (n, h·w·c), channels varying fastest: a view, as they are last in memory."""

    def forward(self, images: Tensor) -> Tensor:
        return images.permute(0, 2, 3, 1).flatten(1)


class GlobalAverage(nn.Module):
    """(n, c, h, w) → (n, c): the mean over all positions."""

    def forward(self, images: Tensor) -> Tensor:
        return images.mean(dim=(2, 3))


class ConvBlock(nn.Module):
    """Convolution (plain or separable), normalisation, activation and pooling."""

    def __init__(self, block: Block) -> None:
        super().__init__()
        self.convolution = _convolution(block)
        self.norm = _norm(block)
        self.end = _activation_and_pool(block)

    def forward(self, images: Tensor) -> Tensor:
        return self.end(self.norm(self.convolution(images)))  # type: ignore[no-any-return]


class ResidualBlock(nn.Module):
    """Two convolutions beside a shortcut (He et al., arXiv 1512.03385, figure 2)."""

    def __init__(self, block: Block) -> None:
        super().__init__()
        self.first = _conv2d(block, block.in_channels)
        self.first_norm = _norm(block)
        self.activation = ACTIVATIONS[block.activation]()
        self.second = _conv2d(block, block.out_channels)
        self.second_norm = _norm(block)
        same = block.in_channels == block.out_channels
        self.shortcut = nn.Identity() if same else nn.Sequential(_pointwise(block), _norm(block))
        self.end = _activation_and_pool(block)

    def forward(self, images: Tensor) -> Tensor:
        inside = self.activation(self.first_norm(self.first(images)))
        inside = self.second_norm(self.second(inside))
        return self.end(inside + self.shortcut(images))  # type: ignore[no-any-return]


BLOCKS: Mapping[str, Callable[[Block], nn.Module]] = MappingProxyType(
    {
        "conv": ConvBlock,
        "separable": ConvBlock,
        "residual": ResidualBlock,
        "identity": lambda block: POOLS[block.pool](),
    }
)


def head(description: Head) -> nn.Sequential:
    """Return the layers between the last map and the class scores."""
    to_vector = Flatten() if description.kind == "flatten" else GlobalAverage()
    layers: list[nn.Module] = [to_vector]
    *hidden, scores = linear_shapes(description)
    for shape in hidden:
        layers += [Linear(*shape), ACTIVATIONS[description.activation]()]
    layers += [Dropout(description.dropout), Linear(*scores)]
    return nn.Sequential(*layers)


def _convolution(block: Block) -> nn.Module:
    if block.operation == "conv":
        return _conv2d(block, block.in_channels)
    depthwise = Convolution(
        block.in_channels,
        block.in_channels,
        block.kernel,
        padding=block.padding,
        groups=block.in_channels,
        bias=False,
    )
    return nn.Sequential(depthwise, _pointwise(block))


def _conv2d(block: Block, in_channels: int) -> Convolution:
    return Convolution(
        in_channels,
        block.out_channels,
        block.kernel,
        padding=block.padding,
        bias=block.norm == "none",
    )


def _pointwise(block: Block) -> Convolution:
    return Convolution(block.in_channels, block.out_channels, 1, bias=block.norm == "none")


def _norm(block: Block) -> nn.Module:
    return nn.Identity() if block.norm == "none" else BatchNorm(block.out_channels)


def _activation_and_pool(block: Block) -> nn.Sequential:
    """Return activation and pooling, in the cheaper order if both orders are the same function.

    Max pooling commutes with a monotonic function such as ReLU, but not with SiLU or GELU.
    """
    if block.pool == "max" and block.activation == "relu":
        return ReluMaxPool()
    return nn.Sequential(ACTIVATIONS[block.activation](), POOLS[block.pool]())


def reseed_dropout(network: nn.Module, seed: int, device: torch.device) -> None:
    """Seed all dropout layers on ``device``; the masks then depend only on ``seed``."""
    for layer in network.modules():
        if isinstance(layer, Dropout):
            layer.reseed(seed, device)
