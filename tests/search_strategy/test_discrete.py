"""Ranges are cut into few bins, and every value can be reached."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.search_space.candidate import Value
from study.search_space.parameter import CategoricalParameter, FloatParameter, IntParameter, bins
from study.search_space.space import SearchSpace
from study.search_strategy.samplers.discrete import DiscreteSpace, within

PARAMETERS = (
    IntParameter(name="a", low=1, high=16),
    IntParameter(name="b", low=3, high=47, step=4),
    FloatParameter(name="c", low=0.0, high=1.0, step=0.05),
    IntParameter(name="d", low=16, high=512),
)
SPACE = SearchSpace(name="numbers", parameters=PARAMETERS)


@st.composite
def ranges(draw: st.DrawFn) -> IntParameter | FloatParameter:
    low = draw(st.integers(-50, 300))
    width = draw(st.integers(1, 900))
    if draw(st.booleans()):
        step = draw(st.integers(1, 7))
        return IntParameter(name="x", low=low, high=low + step * width, step=step)
    logarithmic = low > 0 and draw(st.booleans())
    return FloatParameter(name="x", low=float(low), high=float(low + width), log=logarithmic)


@given(ranges(), st.integers(0, 2**32 - 1), st.data())
def test_a_value_drawn_from_a_bin_counts_as_that_bin(
    parameter: IntParameter | FloatParameter, seed: int, data: st.DataObject
) -> None:
    choices = bins(parameter)
    choice = data.draw(st.integers(0, len(choices) - 1))
    value = within(parameter, choices, choice, np.random.default_rng(seed))
    assert parameter.low <= value <= parameter.high  # type: ignore[operator]
    discrete = DiscreteSpace(SearchSpace(name="one", parameters=(parameter,)))
    assert [step.choice for step in discrete.steps({"x": value})] == [choice]


@pytest.mark.parametrize("parameter", PARAMETERS[:3], ids=lambda p: p.name)
def test_draws_and_moves_reach_every_value_of_a_short_range(
    parameter: IntParameter | FloatParameter,
) -> None:
    discrete, rng = DiscreteSpace(SPACE), np.random.default_rng(0)
    drawn = {discrete.sample(rng)[parameter.name] for _ in range(3000)}
    assert drawn == set(parameter.values() or ())
    start: dict[str, Value] = {p.name: p.low for p in PARAMETERS}
    reached, waiting = {start[parameter.name]}, [start]
    while waiting:
        for point in discrete.neighbours(waiting.pop(), rng):
            if point[parameter.name] not in reached:
                reached.add(point[parameter.name])
                waiting.append({**start, parameter.name: point[parameter.name]})
    assert reached == set(parameter.values() or ())


def test_a_choice_and_a_short_range_have_no_bins() -> None:
    parameters = (
        CategoricalParameter(name="op", choices=("conv", "pool")),
        IntParameter(name="depth", low=1, high=8),
    )
    discrete = DiscreteSpace(SearchSpace(name="small", parameters=parameters))
    assert discrete.choices == (("conv", "pool"), tuple(range(1, 9)))
    found = list(discrete.neighbours({"op": "pool", "depth": 3}, np.random.default_rng(0)))
    assert found == [
        {"op": "conv", "depth": 3},
        *({"op": "pool", "depth": depth} for depth in (1, 2, 4, 5, 6, 7, 8)),
    ]


@pytest.mark.parametrize(
    ("parameter", "expected"),
    [
        (PARAMETERS[3], (16, 32, 64, 128, 256, 512)),
        (PARAMETERS[0], (1, 3, 5, 7, 10, 12, 14, 16)),
        (FloatParameter(name="x", low=0.001, high=1.0), None),
    ],
)
def test_bins_are_powers_of_two_for_sizes_and_even_for_short_ranges(
    parameter: IntParameter | FloatParameter, expected: tuple[int, ...] | None
) -> None:
    found = bins(parameter)
    assert len(found) <= 8
    assert (found[0], found[-1]) == (parameter.low, parameter.high)
    if expected is not None:
        assert tuple(found) == expected
