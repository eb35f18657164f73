"""What the optional fields of a recipe bring: one network, each field alone, several seeds.

    python -m benchmarks.recipe_fields FILE.npz --seeds 1 2 3

The network has six 3x3 convolutions of 24, 24, 40, 40, 64 and 64 channels, batch normalisation,
two max pools and a global average (89 k parameters). Prints validation accuracy, loss and balanced
accuracy of every training, then their means.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from study.data.dataset import load_search_data
from study.performance_estimation.training.data import TrainingData
from study.performance_estimation.training.training import TrainingSettings, train
from study.search_space.candidate import Architecture, Recipe, Stage
from study.search_space.resolve import resolve

NETWORK = Architecture(
    padding="same",
    norm="batch",
    head="global_average",
    dropout=0.2,
    stages=tuple(
        Stage(operation="conv", channels=channels, pool=pool)
        for channels, pool in zip(
            (24, 24, 40, 40, 64, 64), ("none", "max", "none", "max", "none", "none"), strict=True
        )
    ),
)
RECIPE = Recipe(
    optimizer="adamw",
    learning_rate=0.003,
    weight_decay=0.02,
    schedule="onecycle",
    batch_size=64,
    label_smoothing=0.05,
    flip=True,
    shift=2,
)
FIELDS: tuple[Mapping[str, Any], ...] = (
    {},
    {"ema": 0.99},
    {"ema": 0.999},
    {"rotate": 10},
    {"scale": 0.1},
    {"brightness": 0.1},
    {"erase": 0.25},
    {"mixup": 0.2},
)
SHOWN = ("val_accuracy", "val_loss", "val_balanced_accuracy")


def main() -> None:
    """Train every recipe with every seed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset", help="a name, or an .npz in MedMNIST's layout")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--epochs", type=int, default=30)
    arguments = parser.parse_args()
    found = load_search_data(arguments.dataset)
    data = TrainingData(
        train_images=found.train_images,
        train_labels=found.train_labels,
        val_images=found.val_images,
        val_labels=found.val_labels,
    )
    stack = resolve(NETWORK, found.image)
    print(f"torch {torch.__version__}, float32, one thread, {arguments.epochs} epochs")
    for fields in FIELDS:
        recipe = replace(RECIPE, **fields)
        rows = []
        for seed in arguments.seeds:
            settings = TrainingSettings(seed=seed, epochs=arguments.epochs)
            metrics = train(stack, recipe, data, settings=settings).metrics
            rows.append([metrics[name] for name in SHOWN])
            print(fields, seed, *(f"{value:.4f}" for value in rows[-1]), flush=True)
        print(fields, "mean", *(f"{value:.4f}" for value in np.mean(rows, axis=0)), flush=True)


if __name__ == "__main__":
    main()
