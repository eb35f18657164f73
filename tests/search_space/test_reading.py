"""What a sound search space file means: its parameters, conditions, stages, bounds and rows."""

from __future__ import annotations

import numpy as np
import pytest

from study.search_space.candidate import Stage
from study.search_space.parameter import (
    CategoricalParameter,
    Condition,
    FloatParameter,
    IntParameter,
)
from study.search_space.reading.loading import load_space, space_from_text
from study.search_space.space import Bound

DEPTH = "parameters: {conv_layers: {type: int, low: 1, high: 3}}\n"


def test_the_shipped_seed_is_the_plain_network_with_three_parameters() -> None:
    space = load_space("seed")
    assert space.parameters == (
        IntParameter(name="conv_layers", low=1, high=5),
        IntParameter(name="hidden_units", low=16, high=512),
        CategoricalParameter(name="dropout", choices=(0.0, 0.2, 0.5, 0.8)),
    )
    candidate = space.candidate(next(space.points()))
    architecture, recipe = candidate.architecture, candidate.recipe
    assert (architecture.channels, architecture.kernel, architecture.padding) == (32, 3, "valid")
    assert (recipe.optimizer, recipe.learning_rate, recipe.epochs) == ("adam", 0.001, 3)


def test_the_shipped_rows_are_fifteen_and_start_with_the_known_best() -> None:
    space = load_space("seed_rows")
    assert len(space.enqueue) == 15
    assert space.enqueue[0] == {"conv_layers": 2, "hidden_units": 219, "dropout": 0.2}
    assert space.parameters == load_space("seed").parameters


def test_the_shipped_stages_use_every_operation() -> None:
    space = load_space("stages")
    rng = np.random.default_rng(0)
    drawn = [space.candidate(space.sample(rng)).architecture for _ in range(50)]
    seen = {stage.operation for architecture in drawn for stage in architecture.stages}
    assert seen == {"conv", "separable", "residual", "identity"}
    assert {len(architecture.stages) for architecture in drawn} == {2, 3, 4, 5, 6}


def test_omitted_keys_have_their_defaults() -> None:
    space = space_from_text(DEPTH, source="folder/mine.yaml")
    assert (space.name, space.description, space.enqueue) == ("mine", "", ())
    assert space.constraints == {}


@pytest.mark.parametrize("text", ["1e-4", "1.0e-4", "1E-4", "1.e-04", "0.0001", "+1e-4"])
def test_a_number_with_an_exponent_is_a_number(text: str) -> None:
    space = space_from_text(f"{DEPTH[:-2]}, learning_rate: {text}}}\n")
    assert space.fixed["learning_rate"] == 1e-4


def test_every_kind_of_parameter_is_read() -> None:
    space = space_from_text(
        "parameters:\n"
        "  hidden_units: {type: int, low: 16, high: 512, log: true, grid_points: 5}\n"
        "  shift: {type: int, low: 0, high: 4, step: 2}\n"
        "  dropout: {type: float, low: 0, high: 0.6, step: 0.1}\n"
        "  learning_rate: {type: float, low: 1.0e-4, high: 1.0e-2, log: true}\n"
        "  kernel: {type: int, low: 3, high: 7, step: 2}\n"
        "  flip: {type: categorical, choices: [no, yes]}\n"
        "  channels: {type: int, low: 32, high: 32}\n"
        "  epochs: 5\n"
    )
    assert space.parameters == (
        IntParameter(name="hidden_units", low=16, high=512, log=True, grid_points=5),
        IntParameter(name="shift", low=0, high=4, step=2),
        FloatParameter(name="dropout", low=0.0, high=0.6, step=0.1),
        FloatParameter(name="learning_rate", low=1e-4, high=1e-2, log=True),
        IntParameter(name="kernel", low=3, high=7, step=2),
        CategoricalParameter(name="flip", choices=(False, True)),
        IntParameter(name="channels", low=32, high=32),
    )
    assert space.fixed == {"epochs": 5}


def test_a_condition_has_one_value_or_a_list() -> None:
    space = space_from_text(
        "parameters:\n"
        "  optimizer: {type: categorical, choices: [adam, adamw, sgd]}\n"
        "  momentum: {type: float, low: 0.5, high: 0.9, when: {optimizer: sgd}}\n"
        "  weight_decay: {type: float, low: 0, high: 0.1, when: {optimizer: [adamw, sgd]}}\n"
    )
    for name, values in (("momentum", ("sgd",)), ("weight_decay", ("adamw", "sgd"))):
        assert space.by_name[name].when == (Condition(parameter="optimizer", values=values),)


def test_a_condition_on_a_fixed_value_that_holds_is_always_true() -> None:
    space = space_from_text(
        "parameters:\n"
        "  momentum: {type: categorical, choices: [0.5, 0.9], when: {optimizer: sgd}}\n"
        "  optimizer: sgd\n"
    )
    assert list(space.points()) == [{"momentum": 0.5}, {"momentum": 0.9}]


STAGED = """\
parameters:
  norm: {type: categorical, choices: [none, batch]}
  stages:
    count: {type: int, low: 2, high: 4}
    each:
      operation: {type: categorical, choices: [conv, identity]}
      kernel: {type: categorical, choices: [3, 5], when: {operation: conv, norm: batch}}
      channels: 16
"""


def test_every_stage_has_its_parameters_in_order() -> None:
    space = space_from_text(STAGED)
    assert list(space.by_name) == [
        "norm",
        "stages.count",
        *(f"stage{i}.{name}" for i in range(1, 5) for name in ("operation", "kernel")),
    ]
    assert space.fixed == {f"stage{i}.channels": 16 for i in range(1, 5)}
    assert space.size() == sum(2**n + 3**n for n in (2, 3, 4))
    assert space.by_name["stage2.operation"].when == ()
    exists = Condition(parameter="stages.count", values=(4,))
    assert space.by_name["stage4.operation"].when == (exists,)
    assert space.by_name["stage4.kernel"].when == (
        exists,
        Condition(parameter="stage4.operation", values=("conv",)),
        Condition(parameter="norm", values=("batch",)),
    )


def test_the_candidate_has_the_drawn_number_of_stages() -> None:
    space = space_from_text(STAGED)
    rng = np.random.default_rng(0)
    for values in (space.sample(rng) for _ in range(20)):
        stages = space.candidate(values).architecture.stages
        assert len(stages) == values["stages.count"]
        assert all(stage.channels == 16 for stage in stages)
        assert stages[1].operation == values["stage2.operation"]


def test_a_fixed_count_needs_no_conditions() -> None:
    space = space_from_text(
        "parameters: {stages: {count: 2, each:"
        " {operation: {type: categorical, choices: [conv, residual]}}}}"
    )
    assert space.size() == 4
    assert space.candidate(next(space.points())).architecture.stages == (Stage(), Stage())


def test_a_condition_on_the_count_leaves_out_the_stages_it_excludes() -> None:
    space = space_from_text(
        "parameters:\n"
        "  stages:\n"
        "    count: {type: int, low: 1, high: 3}\n"
        "    each:\n"
        "      pool: {type: categorical, choices: [none, max], when: {stages.count: [1, 2]}}\n"
    )
    assert list(space.by_name) == ["stages.count", "stage1.pool", "stage2.pool"]


def test_a_plain_number_is_the_largest_allowed() -> None:
    space = space_from_text(DEPTH + "constraints: {parameters: 500_000, macs: {low: 10}}\n")
    assert space.constraints == {"parameters": Bound(high=500_000), "macs": Bound(low=10)}


def test_a_narrow_band_in_a_large_space_is_found() -> None:
    band = "constraints: {parameters: {low: 100_000, high: 100_400}}\n"
    wide = (
        "hidden_units: {type: int, low: 16, high: 4096}, channels: {type: int, low: 4, high: 256}"
    )
    assert space_from_text(DEPTH.replace("}}\n", f"}}, {wide}}}\n") + band).constraints


def test_a_row_is_complete_and_in_the_order_of_the_space() -> None:
    space = space_from_text(
        "parameters:\n"
        "  conv_layers: {type: int, low: 1, high: 3}\n"
        "  head: {type: categorical, choices: [flatten, global_average]}\n"
        "  hidden_units: {type: int, low: 8, high: 16, when: {head: flatten}}\n"
        "  channels: 16\n"
        "enqueue:\n"
        "  - {head: flatten, hidden_units: 8, conv_layers: 2}\n"
        "  - {conv_layers: 1, head: global_average, channels: 16}  # repeats a fixed value\n"
    )
    assert [list(row.items()) for row in space.enqueue] == [
        [("conv_layers", 2), ("head", "flatten"), ("hidden_units", 8)],
        [("conv_layers", 1), ("head", "global_average")],
    ]


def test_rows_may_name_parameters_of_stages() -> None:
    row = {"norm": "none", "stages.count": 2, "stage1.operation": "conv"}
    row["stage2.operation"] = "identity"
    assert space_from_text(f"{STAGED}enqueue: [{row}]\n").enqueue == (row,)
