"""``stages``: a block of parameters for every stage of a network."""

from __future__ import annotations

import numpy as np

from study.search_space.candidate import Stage
from study.search_space.parameter import Condition
from study.search_space.reading.loading import load_space, space_from_text
from tests.search_space.refusals import assert_refused

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


def test_stages_become_parameters_of_every_stage_in_order() -> None:
    space = space_from_text(STAGED)
    assert list(space.by_name) == [
        "norm",
        "stages.count",
        *(f"stage{i}.{name}" for i in range(1, 5) for name in ("operation", "kernel")),
    ]
    assert space.fixed == {f"stage{i}.channels": 16 for i in range(1, 5)}


def test_a_stage_is_active_where_there_are_at_least_so_many() -> None:
    space = space_from_text(STAGED)
    assert space.by_name["stage2.operation"].when == ()
    three = Condition(parameter="stages.count", values=(3, 4))
    assert space.by_name["stage3.operation"].when == (three,)


def test_conditions_in_each_name_the_same_stage_first() -> None:
    space = space_from_text(STAGED)
    assert space.by_name["stage4.kernel"].when == (
        Condition(parameter="stages.count", values=(4,)),
        Condition(parameter="stage4.operation", values=("conv",)),
        Condition(parameter="norm", values=("batch",)),
    )


def test_the_candidate_has_as_many_stages_as_were_drawn() -> None:
    space = space_from_text(STAGED)
    rng = np.random.default_rng(0)
    for _ in range(20):
        values = space.sample(rng)
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


def test_the_size_of_a_staged_space_is_counted_by_its_tree() -> None:
    assert space_from_text(STAGED).size() == sum(2**n + 3**n for n in (2, 3, 4))


def test_fields_of_the_plain_network_are_refused_beside_stages() -> None:
    assert_refused(
        "parameters:\n"
        "  conv_layers: 3\n"
        "  channels: {type: int, low: 1, high: 9}\n"
        "  kernel: 3\n"
        "  pool: max\n"
        "  stages: {count: 2, each: {operation: conv}}\n",
        "2: conv_layers: has no effect … 'stages' … stages.count",
        "3: channels: has no effect … into each",
        "4: kernel: has no effect … into each",
        "5: pool: has no effect … into each",
    )


def test_mistakes_in_stages_are_named() -> None:
    assert_refused(
        "parameters:\n"
        "  stages:\n"
        "    count: 13\n"
        "    each:\n"
        "      oeration: conv\n"
        "      kernel: {type: categorical, choices: [3, 5], when: {pool: max}}\n"
        "      pool: {type: categorical, choices: [none, max], when: {norm: batch}}\n"
        "  norm: {type: categorical, choices: [none, batch]}\n"
        "  shift: {type: int, low: 0, high: 3, when: {stage1.kernel: 3}}\n",
        "3: stages.count: found 13; write 1 to 12",
        "5: stages.each: unknown key 'oeration'; did you mean 'operation'?",
        "6: stages.each.kernel.when.pool: pool is declared later",
        "7: stages.each.pool.when.norm: norm is declared later",
        "9: shift.when.stage1.kernel: 'stage1.kernel' … known: stages.count, norm",
    )


def test_missing_parts_of_stages_are_named() -> None:
    assert_refused(
        "parameters:\n  stages: {count: 0, each: {}}\n",
        "2: stages.each: … empty mapping",
        "2: stages.count: found 0; write 1 to 12",
    )
    assert_refused(
        "parameters:\n  stages: {}\n",
        "2: stages: … 'count' is missing",
        "2: stages: … 'each' is missing",
    )
    assert_refused("parameters:\n  stages: 3\n", "2: stages: … mapping … 'count', 'each', found 3")


def test_the_shipped_stages_use_every_operation() -> None:
    space = load_space("stages")
    rng = np.random.default_rng(0)
    drawn = [space.candidate(space.sample(rng)).architecture for _ in range(50)]
    seen = {stage.operation for architecture in drawn for stage in architecture.stages}
    assert seen == {"conv", "separable", "residual", "identity"}
    assert {len(architecture.stages) for architecture in drawn} == {2, 3, 4, 5, 6}
