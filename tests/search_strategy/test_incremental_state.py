from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from study.search_strategy.samplers.incremental_state import IncrementalState
from study.search_strategy.strategy import Observation


def _observation(number: int) -> Observation:
    return Observation(number=number, values={"x": number}, outcome="complete", scores=(1.0,))


def _fold(calls: list[int]) -> IncrementalState[list[int]]:
    def step(state: list[int], observation: Observation) -> None:
        calls.append(observation.number)
        state.append(observation.number)

    return IncrementalState(start=list, step=step, copy=list)


@given(st.lists(st.lists(st.integers(0, 90), unique=True).map(sorted), max_size=6))
def test_any_run_of_histories_folds_as_from_the_start(histories: list[list[int]]) -> None:
    fold = _fold([])
    for numbers in histories:
        assert fold.over([_observation(n) for n in numbers]) == numbers


def test_a_longer_history_costs_only_what_is_new() -> None:
    calls: list[int] = []
    fold = _fold(calls)
    for length in range(200):
        fold.over([_observation(n) for n in range(length)])
    assert len(calls) == 199


def test_a_late_arrival_costs_a_step_back_and_no_full_refold() -> None:
    calls: list[int] = []
    fold = _fold(calls)
    fold.over([_observation(n) for n in range(200) if n != 197])
    calls.clear()
    fold.over([_observation(n) for n in range(200)])
    assert len(calls) <= 17
