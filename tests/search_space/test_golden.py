"""Pinned identities and counts: they must not change, because stored studies rely on them.

Parameters and MACs of the first row of ``seed_rows`` by hand: 28 → 26 → 13 → 11 → 5;
(9 + 1) · 32 + (9 · 32 + 1) · 32 + (800 + 1) · 219 + (219 + 1) · 4 = 185,867;
9 · 32 · 26² + 9 · 32² · 11² + 800 · 219 + 219 · 4 = 1,485,900.
"""

from __future__ import annotations

from typing import Any

import pytest

from study.search_space.candidate import (
    OCTMNIST,
    Architecture,
    Candidate,
    ImageFormat,
    Recipe,
    Stage,
)
from study.search_space.resolve import candidate_id, complexity, resolve


def _network(*stages: Stage, **fields: Any) -> Candidate:
    return Candidate(architecture=Architecture(stages=stages, **fields), recipe=Recipe(epochs=3))


def _recipe(**fields: Any) -> Candidate:
    return Candidate(recipe=Recipe(**{"epochs": 3, **fields}))


SGD = {"optimizer": "sgd", "momentum": 0.95, "learning_rate": 0.05, "weight_decay": 5e-4}
SEPARABLE = (
    Stage(operation="separable", channels=16, pool="max"),
    Stage(operation="separable", kernel=5, channels=32, pool="max"),
)
RESIDUAL = (
    Stage(operation="residual", channels=16, pool="max"),
    Stage(operation="identity", pool="average"),
    Stage(operation="residual", channels=16),
    Stage(operation="identity"),
)
PADDED = {"padding": "same", "norm": "batch"}
AVERAGE = {"padding": "same", "head": "global_average"}
AUGMENTED = {"flip": True, "shift": 2, "label_smoothing": 0.1, "balance": "logit_adjust"}
COLOUR = ImageFormat(channels=3, size=64, classes=9)


@pytest.mark.parametrize(
    ("candidate", "identity", "parameters", "macs"),
    [
        (_recipe(), "d0074565cdc91c9d", 112_612, 1_412_736),
        (
            _network(conv_layers=2, hidden_units=219, dropout=0.2),  # the first row of seed_rows
            "5c5df8fed41b01ad",
            185_867,
            1_485_900,
        ),
        (
            _network(conv_layers=1, hidden_units=512, dropout=0.8),
            "fa164c3facd08c4e",
            2_771_780,
            2_965_632,
        ),
        (_network(conv_layers=3, hidden_units=512), "8aa7f4a43523465d", 37_764, 1_411_200),
        (_network(conv_layers=5, hidden_units=512), "8aa7f4a43523465d", 37_764, 1_411_200),
        (
            _network(conv_layers=4, channels=64, hidden_units=64, **PADDED),
            "702cd912156af26d",
            116_100,
            9_819_392,
        ),
        (_network(activation="gelu", **AVERAGE), "7414db746e798ad2", 9_700, 2_032_256),
        (_network(*SEPARABLE, padding="same"), "2fe57a2c23386b46", 202_333, 399_568),
        (_network(*RESIDUAL, norm="batch", **AVERAGE), "c3c10c5307e71e9f", 7_300, 2_157_632),
        (_recipe(schedule="onecycle", epochs=8, **SGD), "95ed9baec79fe6f8", 112_612, 1_412_736),
        (_recipe(batch_size=64, **AUGMENTED), "b1b4bb835a8d176b", 112_612, 1_412_736),
    ],
)
def test_identity_and_counts_are_as_pinned(
    candidate: Candidate, identity: str, parameters: int, macs: int
) -> None:
    counts = complexity(resolve(candidate.architecture, OCTMNIST))
    assert candidate_id(candidate, OCTMNIST) == identity
    assert (counts.parameters, counts.macs) == (parameters, macs)


def test_identity_and_counts_of_large_colour_images_are_as_pinned() -> None:
    candidate = _network(conv_layers=3, kernel=5, pool="average", activation="silu")
    counts = complexity(resolve(candidate.architecture, COLOUR))
    assert candidate_id(candidate, COLOUR) == "213a61afe5947b58"
    assert (counts.parameters, counts.macs) == (120_521, 28_085_888)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (_network(conv_layers=1), _network(conv_layers=2), False),
        (_network(conv_layers=2), _network(conv_layers=3), False),
        (_network(conv_layers=3), _network(conv_layers=4), True),  # no room for a fourth block
        (_recipe(momentum=0.5), _recipe(momentum=0.9), True),
        (_recipe(**SGD), _recipe(**{**SGD, "momentum": 0.9}), False),
        (_recipe(optimizer="adamw"), _recipe(optimizer="adam"), True),
        (_recipe(optimizer="adamw", weight_decay=0.1), _recipe(weight_decay=0.1), False),
        (_network(dropout=0), _network(dropout=0.0), True),
        (_recipe(learning_rate=1), _recipe(learning_rate=1.0), True),
    ],
)
def test_candidates_are_the_same_if_nothing_differs_in_effect(
    one: Candidate, other: Candidate, same: bool
) -> None:
    assert (candidate_id(one, OCTMNIST) == candidate_id(other, OCTMNIST)) is same


def test_image_format_is_part_of_the_identity() -> None:
    assert candidate_id(Candidate(), OCTMNIST) != candidate_id(
        Candidate(), ImageFormat(channels=3)
    )
