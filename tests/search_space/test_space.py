"""Properties of every search space, tested on random valid spaces and the shipped ones."""

from __future__ import annotations

import math
import subprocess
import sys
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
import optuna
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from study.common.errors import SearchSpaceError
from study.search_space.candidate import OCTMNIST, Values
from study.search_space.parameter import (
    MAX_BINS,
    AnyParameter,
    CategoricalParameter,
    Condition,
    FloatParameter,
    IntParameter,
    bins,
    grid_values,
    own_value,
)
from study.search_space.reading.loading import load_space, shipped_spaces, space_from_text
from study.search_space.resolve import candidate_id
from study.search_space.space import Bound, SearchSpace
from tests.search_space.strategies import as_yaml, valid_documents
from tests.studies import ROOT

optuna.logging.set_verbosity(optuna.logging.WARNING)


def _space(document: dict[str, Any]) -> SearchSpace:
    return space_from_text(as_yaml(document), source="drawn.yaml")


def _is_valid(space: SearchSpace, values: Values) -> bool:
    """Tell whether the active parameters, and no others, have one of their values."""
    active = [p for p in space.parameters if space.is_active(p, values)]
    return list(values) == [p.name for p in active] and all(
        own_value(p, values[p.name]) is not None for p in active
    )


def _suggested(space: SearchSpace, trials: int) -> list[Values]:
    """Return what ``suggest`` returns for each trial of a study, and check what Optuna stores."""
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    suggested: list[Values] = []
    for _ in range(trials):
        trial = study.ask()
        suggested.append(space.suggest(trial))
        assert suggested[-1] == trial.params
        study.tell(trial, 0.0)
    return suggested


@given(valid_documents(), st.integers(0, 2**32))
def test_drawn_completed_and_suggested_points_are_valid(
    document: dict[str, Any], seed: int
) -> None:
    space = _space(document)
    rng = np.random.default_rng(seed)
    drawn = [space.sample(rng) for _ in range(5)]
    completed = space.complete({**drawn[0], **drawn[1]}, rng)
    assert all(_is_valid(space, values) for values in (*drawn, completed))
    assert all(_is_valid(space, values) for values in _suggested(space, 3))
    assert space.complete(completed, rng) == completed
    assert all(len(candidate_id(space.candidate(v), OCTMNIST)) == 16 for v in drawn)


@given(valid_documents(countable=True))
def test_size_is_the_number_of_points_and_all_are_valid(document: dict[str, Any]) -> None:
    space = _space(document)
    size = space.size()
    assert size is not None
    assume(size <= 3000)
    points = list(space.points())
    assert len(points) == size
    assert len({tuple(point.items()) for point in points}) == size
    assert all(_is_valid(space, point) for point in points)


@given(valid_documents())
def test_bins_and_grids_are_values_of_the_parameter(document: dict[str, Any]) -> None:
    for parameter in _space(document).parameters:
        cut = bins(parameter)
        assert cut
        assert all(own_value(parameter, value) is not None for value in cut)
        assert len(set(cut)) == len(cut)
        grid = grid_values(parameter)
        assert grid is None or all(own_value(parameter, value) is not None for value in grid)
        if not isinstance(parameter, CategoricalParameter):
            assert len(cut) <= MAX_BINS
            assert cut[0] == parameter.low
            assert math.isclose(cut[-1], (parameter.values() or [parameter.high])[-1])  # type: ignore[arg-type]


@pytest.mark.parametrize("name", shipped_spaces())
def test_points_of_shipped_spaces_are_valid_and_mostly_inside_their_constraints(name: str) -> None:
    space = load_space(name)
    rng = np.random.default_rng(0)
    drawn = [space.sample(rng) for _ in range(100)]
    first = islice(space.points(), 50) if space.size() is not None else ()
    assert all(_is_valid(space, values) for values in (*drawn, *first))
    assert all(_is_valid(space, values) for values in _suggested(space, 30))
    assert sum(space.allows(values, OCTMNIST) for values in drawn) > 50


def test_the_seed_has_both_ends_of_every_range() -> None:
    space = load_space("seed")
    assert space.size() == 5 * 497 * 4
    points = list(space.points())
    assert points[0] == {"conv_layers": 1, "hidden_units": 16, "dropout": 0}
    assert points[-1] == {"conv_layers": 5, "hidden_units": 512, "dropout": 0.8}


def test_grids_include_both_ends_and_bins_prefer_powers_of_two() -> None:
    rate = FloatParameter(name="learning_rate", low=1e-4, high=1e-1, log=True, grid_points=4)
    assert grid_values(rate) == (1e-4, 1e-3, 1e-2, 1e-1)
    width = IntParameter(name="hidden_units", low=16, high=512, grid_points=5)
    assert grid_values(width) == (16, 140, 264, 388, 512)
    assert SearchSpace(name="grid", parameters=(rate, width)).size() == 4 * 5
    assert bins(IntParameter(name="channels", low=8, high=256)) == (8, 16, 32, 64, 128, 256)


def test_bins_stay_inside_a_range_whose_ends_have_many_digits() -> None:
    parameter = FloatParameter(name="dropout", low=0.123456789, high=0.1234567891)
    assert all(parameter.low <= float(value) <= parameter.high for value in bins(parameter))


def test_stepped_reals_are_the_same_in_the_grid_and_in_optuna() -> None:
    dropout = FloatParameter(name="dropout", low=0.0, high=0.6, step=0.1)
    assert dropout.values() == (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
    space = SearchSpace(name="steps", parameters=(dropout,))
    assert space.candidate({"dropout": 3 * 0.1}) == space.candidate({"dropout": 0.3})
    grid = {candidate_id(space.candidate(v), OCTMNIST) for v in space.points()}
    assert grid == {candidate_id(space.candidate(v), OCTMNIST) for v in _suggested(space, 100)}


def test_suggested_choices_keep_their_type() -> None:
    space = space_from_text(
        "parameters: {flip: {type: categorical, choices: [false, true]},"
        " dropout: {type: categorical, choices: [0, 0.5]}}"
    )
    for values in _suggested(space, 20):
        assert isinstance(values["flip"], bool)
        assert isinstance(values["dropout"], float)


def test_draws_in_the_logarithm_reach_both_ends_of_a_short_range() -> None:
    parameter = IntParameter(name="shift", low=1, high=3, log=True)
    rng = np.random.default_rng(0)
    assert {parameter.draw(rng) for _ in range(200)} == {1, 2, 3}


def test_a_grid_has_the_values_of_active_parameters_only() -> None:
    space = space_from_text(
        "parameters:\n"
        "  optimizer: {type: categorical, choices: [adam, sgd]}\n"
        "  momentum: {type: categorical, choices: [0.5, 0.9], when: {optimizer: sgd}}\n"
        "  shift: {type: categorical, choices: [0, 1], when: {momentum: 0.9}}\n"
    )
    assert list(space.points()) == [
        {"optimizer": "adam"},
        {"optimizer": "sgd", "momentum": 0.5},
        {"optimizer": "sgd", "momentum": 0.9, "shift": 0},
        {"optimizer": "sgd", "momentum": 0.9, "shift": 1},
    ]


def test_many_conditions_are_counted_without_visiting_the_points() -> None:
    names = ("channels", "hidden_units", "batch_size", "epochs")
    batch = Condition(parameter="norm", values=("batch",))
    small = tuple(Condition(parameter=name, values=(1, 2)) for name in names)
    parameters: tuple[AnyParameter, ...] = (
        CategoricalParameter(name="norm", choices=("none", "batch")),
        *(IntParameter(name=name, low=1, high=1000, when=(batch,)) for name in names),
        CategoricalParameter(name="flip", choices=(False, True), when=small),
    )
    space = SearchSpace(name="many", parameters=parameters)
    assert space.size() == 1 + 1000**4 + 2**4


def test_a_float_without_step_has_no_points() -> None:
    space = SearchSpace(
        name="x", parameters=(FloatParameter(name="learning_rate", low=0.1, high=1.0),)
    )
    assert space.size() is None
    with pytest.raises(ValueError, match="learning_rate: a float without step"):
        list(space.points())


@pytest.mark.parametrize(
    ("bound", "number", "excess"),
    [
        (Bound(high=100), 100, 0.0),
        (Bound(high=100), 150, 0.5),
        (Bound(low=100), 50, 1.0),
        (Bound(low=100, high=200), 150, 0.0),
        (Bound(high=0), 1, math.inf),
        (Bound(low=10), 0, 9.0),
    ],
)
def test_excess_says_how_far_outside_a_number_is(
    bound: Bound, number: float, excess: float
) -> None:
    assert bound.excess(number) == excess


def test_fixing_a_field_changes_the_candidate_alone() -> None:
    seed = load_space("seed")
    fixed = seed.with_fixed(epochs=7)
    candidate = fixed.candidate({"conv_layers": 1, "hidden_units": 16, "dropout": 0.0})
    assert candidate.recipe.epochs == 7
    assert fixed.parameters == seed.parameters


def test_identity_and_search_are_the_same_in_every_process() -> None:
    script = """\
from dataclasses import replace
from study.search_space.candidate import OCTMNIST, Candidate
from study.search_space.extremes import nearest_allowed
from study.search_space.reading.loading import load_space
from study.search_space.resolve import candidate_id
from study.search_space.space import Bound
print(candidate_id(Candidate(), OCTMNIST))
stages = load_space("stages")
for band in ((280_000, 300_000), (290_000, 292_000), (29_000, 30_000)):
    bounds = {"parameters": Bound(low=band[0], high=band[1]), "macs": Bound(low=19_500_000)}
    print(nearest_allowed(replace(stages, constraints=bounds), OCTMNIST))
"""
    found = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1


LENGTH = """\
parameters:
  conv_layers: {{type: int, low: 1, high: 2}}
  batch_size: {{type: categorical, choices: [32, 64, 128]}}
  {length}
"""


@pytest.mark.parametrize(
    ("length", "images", "batch_size", "epochs"),
    [
        ("epochs: 7", 2_205, 64, 7),
        ("flip: true", 2_205, 64, 30),
        ("flip: true", 97_477, 64, 8),
        ("flip: true", 10, 64, 60),
        ("flip: true", 10**9, 64, 1),
        ("images: 60000", 2_000, 64, 30),
        ("images: 60000", 100_000, 64, 1),
        ("steps: 1000", 3_200, 32, 10),
        ("steps: 1000", 3_200, 128, 40),
    ],
)
def test_the_length_of_a_training_is_in_epochs(
    length: str, images: int, batch_size: int, epochs: int
) -> None:
    space = replace(space_from_text(LENGTH.format(length=length)), train_images=images)
    recipe = space.candidate({"conv_layers": 1, "batch_size": batch_size}).recipe
    assert (recipe.epochs, recipe.steps, recipe.images) == (epochs, 0, 0)


@pytest.mark.parametrize(
    ("length", "longest", "varying"),
    [
        ("epochs: 7", 7, None),
        ("flip: true", 30, None),
        ("steps: 1000", 58, "batch_size"),
        ("epochs: {type: int, low: 2, high: 9}", 9, "epochs"),
        ("images: {type: int, low: 2205, high: 9000}", 4, "images"),
        ("epochs: {type: int, low: 2, high: 4, when: {conv_layers: 1}}", 30, "epochs"),
    ],
)
def test_the_longest_training_is_known(length: str, longest: int, varying: str | None) -> None:
    space = replace(space_from_text(LENGTH.format(length=length)), train_images=2_205)
    assert space.longest_training == longest
    assert space.varying_length == varying


def test_given_epochs_replace_every_length() -> None:
    space = space_from_text(LENGTH.format(length="steps: 1000")).with_epochs(3)
    assert space.candidate({"conv_layers": 1, "batch_size": 32}).recipe.epochs == 3
    assert space.longest_training == 3
    assert space.varying_length is None


def test_equal_lengths_are_one_candidate() -> None:
    one, other = (
        replace(space_from_text(LENGTH.format(length=text)), train_images=2_000)
        for text in ("epochs: 3", "images: 6000")
    )
    values = {"conv_layers": 1, "batch_size": 32}
    assert one.candidate(values) == other.candidate(values)


def test_two_lengths_are_refused() -> None:
    with pytest.raises(SearchSpaceError, match=r":5: steps: .*epochs") as caught:
        space_from_text(LENGTH.format(length="epochs: 3\n  steps: 100"))
    assert "epochs" in str(caught.value)
