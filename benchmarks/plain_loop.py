"""The loop that most people write first, for comparison with the training core.

A ``TensorDataset`` of float32 images behind a ``DataLoader``, NCHW memory, float32 arithmetic,
all threads in one process, ``loss.item()`` at every step, validation after every epoch.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from study.performance_estimation.training.data import TrainingData
from study.search_space.candidate import Architecture, Candidate

Loader = DataLoader[tuple[Tensor, ...]]


def plain_network(
    architecture: Architecture, *, channels: int, size: int, classes: int
) -> nn.Module:
    """Return blocks of convolution, ReLU and pooling while the map is wider than two pixels."""
    layers: list[nn.Module] = []
    for _ in range(architecture.conv_layers):
        if size <= 2:
            break
        layers += [nn.Conv2d(channels, 32, 3), nn.ReLU(), nn.MaxPool2d(2)]
        channels, size = 32, (size - 2) // 2
    units = architecture.hidden_units
    layers += [nn.Flatten(), nn.Linear(channels * size * size, units), nn.ReLU()]
    layers += [nn.Dropout(architecture.dropout), nn.Linear(units, classes)]
    return nn.Sequential(*layers)


def plain_loaders(data: TrainingData) -> tuple[Loader, Loader]:
    """Return loaders of the training and of the validation images, scaled to [-1, 1]."""
    train = TensorDataset(_floats(data.train_images), data.train_labels)
    val = TensorDataset(_floats(data.val_images), data.val_labels)
    return DataLoader(train, batch_size=128, shuffle=True), DataLoader(val, batch_size=128)


def train_plainly(
    candidate: Candidate, loaders: tuple[Loader, Loader], *, classes: int, epochs: int, seed: int
) -> float:
    """Train a candidate and return its validation accuracy after the last epoch."""
    torch.manual_seed(seed)
    train, val = loaders
    images = train.dataset[0][0]
    network = plain_network(
        candidate.architecture, channels=images.shape[0], size=images.shape[1], classes=classes
    )
    optimizer = torch.optim.Adam(network.parameters(), lr=candidate.recipe.learning_rate)
    accuracy = 0.0
    for _ in range(epochs):
        _train_epoch(network, optimizer, train)
        accuracy = _accuracy(network, val)
    return accuracy


def _floats(images: Tensor) -> Tensor:
    return images.float().div_(127.5).sub_(1)


def _train_epoch(network: nn.Module, optimizer: torch.optim.Optimizer, loader: Loader) -> float:
    network.train()
    total = 0.0
    for images, labels in loader:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(network(images), labels)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        total += loss.item()
    return total / len(loader)


@torch.no_grad()
def _accuracy(network: nn.Module, loader: Loader) -> float:
    network.eval()
    hits = images_seen = 0
    for images, labels in loader:
        hits += int((network(images).argmax(1) == labels).sum())
        images_seen += len(labels)
    return hits / images_seen
