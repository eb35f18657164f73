"""Small trained-looking networks and their bundles, for the tests of this folder."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import torch
from torch import Generator, Tensor, nn

from study.bundle.bundle import Bundle, DataFacts, MeasuredValue, TrainingFacts
from study.bundle.classifier import Classifier, classifier_of
from study.bundle.export import PREPROCESSING, write_bundle
from study.network.build import build, weights_of
from study.search_space.candidate import OCTMNIST, Architecture, Candidate, ImageFormat, Stage
from study.search_space.resolve import candidate_id, resolve
from study.statistics.results import Interval

RGB = ImageFormat(channels=3, size=20, classes=3)
CLASSES = ("CNV", "DME", "drusen", "normal")

PLAIN = Architecture(conv_layers=2, channels=6, hidden_units=16, dropout=0.3)
STAGED = Architecture(
    norm="batch",
    padding="same",
    activation="silu",
    head="global_average",
    stages=(
        Stage(operation="separable", channels=6, pool="max"),
        Stage(operation="residual", channels=8, pool="average"),
        Stage(operation="identity", pool="max"),
        Stage(operation="conv", kernel=5, channels=4),
    ),
)


def described(
    architecture: Architecture = PLAIN, image: ImageFormat = OCTMNIST, **fields: object
) -> Bundle:
    """Return the description of a bundle that is not written yet."""
    candidate = Candidate(architecture=architecture)
    bundle = Bundle(
        name="octmnist-small",
        candidate_id=candidate_id(candidate, image),
        candidate=candidate,
        stack=resolve(architecture, image),
        class_names=CLASSES[: image.classes],
        preprocessing=PREPROCESSING,
        data=DataFacts(name="octmnist", licence="CC BY 4.0", sha256="ab" * 32, notes=("clean",)),
        training=TrainingFacts(seed=101, epochs=3, study="s", number=7),
        figures={
            "val_accuracy": MeasuredValue(
                value=0.812,
                over_images=Interval(low=0.80, high=0.82),
                mean=0.81,
                over_seeds=Interval(low=0.805, high=0.815),
                next_run=Interval(low=0.79, high=0.83),
            )
        },
        settings={"seed": 0, "lr": 1e-3, "objectives": ["accuracy"]},
        versions={"study-nas": "0.1.0", "torch": "2.14.1"},
        created="2026-01-02T03:04:05Z",
    )
    return dataclasses.replace(bundle, **fields)  # type: ignore[arg-type]


def network(bundle: Bundle, seed: int = 0) -> nn.Module:
    """Return a network of the bundle's stack with weights that clearly prefer some classes."""
    generator = Generator().manual_seed(seed)
    made = build(bundle.stack, generator=generator)
    for layer in made.modules():
        if isinstance(layer, nn.BatchNorm2d) and layer.running_mean is not None:
            layer.running_mean.uniform_(-0.2, 0.2, generator=generator)
    return made.eval()


def classifier(bundle: Bundle, seed: int = 0) -> Classifier:
    """Return a classifier as ``load`` does, without files."""
    return classifier_of(bundle, weights_of(network(bundle, seed)))


def images(n: int, image: ImageFormat = OCTMNIST, seed: int = 0) -> Tensor:
    """Return random images, uint8 (n, channels, size, size)."""
    form = (n, image.channels, image.size, image.size)
    generator = Generator().manual_seed(seed)
    return torch.randint(0, 256, form, dtype=torch.uint8, generator=generator)


def exported(directory: Path, **fields: object) -> Bundle:
    """Write a bundle of ``PLAIN`` and return its description."""
    made = classifier(described(**fields))  # type: ignore[arg-type]
    return write_bundle(directory, made, space_text="parameters: {}\n")
