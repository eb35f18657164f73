from __future__ import annotations

import pytest

from study.search_space.parameter import CategoricalParameter
from study.search_space.space import SearchSpace
from study.search_strategy.samplers.discrete import Step
from study.search_strategy.samplers.q_learning import (
    PAPER,
    SHORT,
    ActionValues,
    MetaQnn,
    QLearning,
    as_path,
    chance_of_random,
)
from study.search_strategy.strategy import Observation
from tests.search_strategy.landscapes import (
    AVERAGE,
    CONDITIONAL,
    FLAT,
    FLATTEN,
    all_of,
    complete,
    constant,
    make_strategy,
    played,
    propose,
)

CHAIN = SearchSpace(
    name="chain",
    parameters=(
        CategoricalParameter(name="first", choices=("a", "b")),
        CategoricalParameter(name="second", choices=("a", "b")),
    ),
)
STEPS = (Step(node=0, choice=1), Step(node=1, choice=0))
START, AFTER = (0, -1, 0), (1, 0, 1)
PATH = ((START, 1), (AFTER, 0))


def values_after(text: str, *known: Observation, space: SearchSpace = CONDITIONAL) -> ActionValues:
    strategy = make_strategy(text, space)
    return strategy.action_values(known)  # type: ignore[attr-defined, no-any-return]


def test_a_path_remembers_the_choice_before() -> None:
    assert as_path(STEPS, order=1) == PATH
    assert as_path(STEPS, order=0) == ((START, 1), ((1, -1, 0), 0))


def test_a_bellman_backup_is_the_one_computed_by_hand() -> None:
    values = {START: [0.5, 0.5], AFTER: [0.5, 0.7]}
    MetaQnn(alpha=0.1).backup(values, PATH, 1.0)
    # last choice first: 0.5 + 0.1 (1 - 0.5) = 0.55; the better one there is still 0.7, so the
    # first choice moves to 0.5 + 0.1 (0.7 - 0.5) = 0.52
    assert values[AFTER] == pytest.approx([0.55, 0.7])
    assert values[START] == pytest.approx([0.5, 0.52])


def test_repeated_bellman_backups_pass_the_reward_to_the_start() -> None:
    values = {START: [0.5, 0.5], AFTER: [0.5, 0.5]}
    for _ in range(2000):
        MetaQnn(alpha=0.05).backup(values, PATH, 0.9)
    assert values[START] == pytest.approx([0.5, 0.9], abs=1e-6)


def test_a_monte_carlo_backup_gives_every_choice_the_reward() -> None:
    values = {START: [0.5, 0.5], AFTER: [0.5, 0.7]}
    QLearning(alpha=0.1).backup(values, PATH, 1.0)
    assert values == {START: [0.5, 0.55], AFTER: [0.55, 0.7]}


def test_an_early_choice_gets_credit_from_monte_carlo_at_once_and_from_bellman_late() -> None:
    """With one bad trial alone, Bellman leaves its first choice at the best that may follow."""
    known = (
        complete(0, {"first": "a", "second": "a"}, 1.0),
        complete(1, {"first": "b", "second": "b"}, 0.0),
    )
    by_return = values_after("q_learning,order=1", *known, space=CHAIN)
    by_bellman = values_after("q_learning:metaqnn,alpha=0.1", *known, space=CHAIN)
    assert by_return[START][1] < 0.2
    assert by_bellman[START][1] == pytest.approx(0.5)


def test_the_schedules_are_the_documented_ones() -> None:
    shares = (0.0, 0.1, 0.3, 0.5, 1.0)
    assert [chance_of_random(SHORT, s) for s in shares] == pytest.approx(
        [1.0, 1.0, 0.55, 0.1, 0.1]
    )
    trials = (0, 1499, 1501, 1650, 1801, 1999, 2549, 2699)
    chances = [chance_of_random(PAPER, t / 2700) for t in trials]
    assert chances == pytest.approx([1.0, 1.0, 0.9, 0.8, 0.6, 0.5, 0.2, 0.1])


def test_equal_rewards_leave_the_values_of_all_choices_equal() -> None:
    known = played("q_learning", FLAT, constant, trials=50, seed=2)
    for row in values_after("q_learning", *known, space=FLAT).values():
        assert row == pytest.approx([0.5] * 4)


def test_an_inactive_parameter_gets_no_update() -> None:
    hidden_units = ([p.name for p in CONDITIONAL.parameters].index("hidden_units"), -1, 0)
    active, inactive = complete(0, FLATTEN, 0.1), complete(1, AVERAGE, 2.0)
    before = values_after("q_learning,replays=0", active)
    after = values_after("q_learning,replays=0", active, inactive)
    assert after[hidden_units] == before[hidden_units]
    assert hidden_units not in values_after("q_learning", inactive)


def test_duplicates_use_nothing_of_the_schedule() -> None:
    duplicates = [complete(n, all_of("a"), 1.0) for n in range(60)]
    proposal = propose("q_learning", FLAT, duplicates, budget=100)
    assert proposal.notes["epsilon"] == 1.0
