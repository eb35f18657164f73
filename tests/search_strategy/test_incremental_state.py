from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from study.search_strategy.samplers.incremental_state import IncrementalState
from study.search_strategy.strategy import Observation


def _observation(number: int) -> Observation:
    return Observation(number=number, values={"x": number}, outcome="complete", scores=(1.0,))


def _incremental(calls: list[int]) -> IncrementalState[list[int]]:
    def step(numbers: list[int], observation: Observation) -> None:
        calls.append(observation.number)
        numbers.append(observation.number)

    return IncrementalState(start=list, step=step, copy=list)


@given(st.lists(st.lists(st.integers(0, 90), unique=True).map(sorted), max_size=6))
def test_any_sequence_of_histories_gives_the_state_from_the_start(
    histories: list[list[int]],
) -> None:
    state = _incremental([])
    for numbers in histories:
        assert state.over([_observation(n) for n in numbers]) == numbers


def test_a_longer_history_costs_only_the_new_steps() -> None:
    calls: list[int] = []
    state = _incremental(calls)
    for length in range(200):
        state.over([_observation(n) for n in range(length)])
    assert len(calls) == 199


def test_a_late_trial_costs_a_short_way_back_and_not_all_steps_again() -> None:
    calls: list[int] = []
    state = _incremental(calls)
    state.over([_observation(n) for n in range(200) if n != 197])
    calls.clear()
    state.over([_observation(n) for n in range(200)])
    assert len(calls) <= 17
