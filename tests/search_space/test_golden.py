"""Pinned identities and counts: they must not change, because stored studies rely on them.

Parameters and MACs of ``seed_first_row`` by hand: 28 → 26 → 13 → 11 → 5;
(9 + 1) · 32 + (9 · 32 + 1) · 32 + (800 + 1) · 219 + (219 + 1) · 4 = 185,867;
9 · 32 · 26² + 9 · 32² · 11² + 800 · 219 + 219 · 4 = 1,485,900.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass

import pytest

from study.search_space.candidate import (
    OCTMNIST,
    Architecture,
    Candidate,
    ImageFormat,
    Recipe,
    Stage,
)
from study.search_space.resolve import architecture_id, candidate_id, complexity, resolve


@dataclass(frozen=True, slots=True, kw_only=True)
class Golden:
    candidate: Candidate
    id: str
    parameters: int
    macs: int
    image: ImageFormat = OCTMNIST


def _seed(conv_layers: int, hidden_units: int, dropout: float) -> Candidate:
    return Candidate(
        architecture=Architecture(
            conv_layers=conv_layers, hidden_units=hidden_units, dropout=dropout
        )
    )


def _staged(*stages: Stage, norm: str = "none", head: str = "flatten") -> Candidate:
    return Candidate(
        architecture=Architecture(padding="same", norm=norm, head=head, stages=stages)
    )


GOLDEN = {
    "default": Golden(
        candidate=Candidate(), id="d0074565cdc91c9d", parameters=112_612, macs=1_412_736
    ),
    "seed_first_row": Golden(
        candidate=_seed(2, 219, 0.2), id="5c5df8fed41b01ad", parameters=185_867, macs=1_485_900
    ),
    "seed_one_wide": Golden(
        candidate=_seed(1, 512, 0.8), id="fa164c3facd08c4e", parameters=2_771_780, macs=2_965_632
    ),
    "seed_depth_three": Golden(
        candidate=_seed(3, 512, 0.0), id="8aa7f4a43523465d", parameters=37_764, macs=1_411_200
    ),
    "seed_depth_five": Golden(
        candidate=_seed(5, 512, 0.0), id="8aa7f4a43523465d", parameters=37_764, macs=1_411_200
    ),
    "padded_batch_norm": Golden(
        candidate=Candidate(
            architecture=Architecture(
                conv_layers=4, channels=64, padding="same", norm="batch", hidden_units=64
            )
        ),
        id="702cd912156af26d",
        parameters=116_100,
        macs=9_819_392,
    ),
    "colour_large": Golden(
        candidate=Candidate(
            architecture=Architecture(conv_layers=3, kernel=5, pool="average", activation="silu")
        ),
        image=ImageFormat(channels=3, size=64, classes=9),
        id="213a61afe5947b58",
        parameters=120_521,
        macs=28_085_888,
    ),
    "global_average": Golden(
        candidate=Candidate(
            architecture=Architecture(head="global_average", padding="same", activation="gelu")
        ),
        id="7414db746e798ad2",
        parameters=9_700,
        macs=2_032_256,
    ),
    "separable": Golden(
        candidate=_staged(
            Stage(operation="separable", channels=16, pool="max"),
            Stage(operation="separable", kernel=5, channels=32, pool="max"),
        ),
        id="2fe57a2c23386b46",
        parameters=202_333,
        macs=399_568,
    ),
    "residual_and_identity": Golden(
        candidate=_staged(
            Stage(operation="residual", channels=16, pool="max"),
            Stage(operation="identity", pool="average"),
            Stage(operation="residual", channels=16),
            Stage(operation="identity"),
            norm="batch",
            head="global_average",
        ),
        id="c3c10c5307e71e9f",
        parameters=7_300,
        macs=2_157_632,
    ),
    "sgd_recipe": Golden(
        candidate=Candidate(
            recipe=Recipe(
                optimizer="sgd",
                momentum=0.95,
                learning_rate=0.05,
                weight_decay=5e-4,
                schedule="onecycle",
                epochs=8,
            )
        ),
        id="95ed9baec79fe6f8",
        parameters=112_612,
        macs=1_412_736,
    ),
    "augmented_recipe": Golden(
        candidate=Candidate(
            recipe=Recipe(
                flip=True, shift=2, label_smoothing=0.1, balance="logit_adjust", batch_size=64
            )
        ),
        id="b1b4bb835a8d176b",
        parameters=112_612,
        macs=1_412_736,
    ),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_identity_and_counts_are_as_pinned(name: str) -> None:
    golden = GOLDEN[name]
    counts = complexity(resolve(golden.candidate.architecture, golden.image))
    found = (candidate_id(golden.candidate, golden.image), counts.parameters, counts.macs)
    assert found == (golden.id, golden.parameters, golden.macs)


def test_identity_is_the_same_in_another_process() -> None:
    code = (
        "from study.search_space.candidate import OCTMNIST, Candidate\n"
        "from study.search_space.resolve import candidate_id\n"
        "print(candidate_id(Candidate(), OCTMNIST))"
    )
    ids = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert ids == {GOLDEN["default"].id}


def test_depths_without_room_are_one_network_and_the_first_two_are_not() -> None:
    ids = [architecture_id(Architecture(conv_layers=n), OCTMNIST) for n in range(1, 6)]
    assert len(set(ids)) == 3
    assert ids[2] == ids[3] == ids[4]


def test_momentum_names_a_candidate_with_sgd_only() -> None:
    def named(optimizer: str, momentum: float) -> str:
        recipe = Recipe(optimizer=optimizer, momentum=momentum)
        return candidate_id(Candidate(recipe=recipe), OCTMNIST)

    assert named("adam", 0.5) == named("adam", 0.9)
    assert named("sgd", 0.5) != named("sgd", 0.9)


def test_adamw_without_weight_decay_is_adam() -> None:
    def named(optimizer: str, decay: float) -> str:
        recipe = Recipe(optimizer=optimizer, weight_decay=decay)
        return candidate_id(Candidate(recipe=recipe), OCTMNIST)

    assert named("adamw", 0.0) == named("adam", 0.0)
    assert named("adamw", 0.1) != named("adam", 0.1)


def test_whole_and_real_spellings_of_a_number_are_one_candidate() -> None:
    whole = Candidate(architecture=Architecture(dropout=0), recipe=Recipe(learning_rate=1))
    real = Candidate(architecture=Architecture(dropout=0.0), recipe=Recipe(learning_rate=1.0))
    assert candidate_id(whole, OCTMNIST) == candidate_id(real, OCTMNIST)


def test_image_format_is_part_of_the_identity() -> None:
    grey, colour = ImageFormat(channels=1), ImageFormat(channels=3)
    assert candidate_id(Candidate(), grey) != candidate_id(Candidate(), colour)
