from __future__ import annotations

import numpy as np
import pytest
import torch

from study.search_space.candidate import Values
from study.search_space.space import SearchSpace
from study.search_strategy.sampler import StrategyContext
from study.search_strategy.samplers.discrete import Step
from study.search_strategy.samplers.reinforce_zoph import Controller, ReinforceZophStrategy, Walk
from study.search_strategy.strategy import History, Observation, generator
from tests.search_strategy.landscapes import CONDITIONAL, FLAT, constant, make_strategy, play
from tests.search_strategy.test_reinforce import AVERAGE, FLATTEN, complete

STEPS = [Step(node=node, choice=node % 4) for node in range(6)]


def zoph(options: str = "", *, space: SearchSpace = FLAT) -> ReinforceZophStrategy:
    strategy = make_strategy(f"reinforce:zoph{options}", StrategyContext(space=space, seed=3))
    assert isinstance(strategy, ReinforceZophStrategy)
    return strategy


def all_of(letter: str) -> Values:
    return {parameter.name: letter for parameter in FLAT.parameters}


def test_walking_step_by_step_gives_the_policies_of_the_whole_sequence() -> None:
    controller = Controller([4] * 6)
    with torch.no_grad():
        for weights in controller.parameters():
            weights.copy_(torch.linspace(-0.7, 0.9, weights.numel()).reshape(weights.shape))
        whole = [row.exp().numpy() for row in controller.log_policies(STEPS)]
    walk = Walk(controller)
    for step, expected in zip(STEPS, whole, strict=True):
        assert walk.policy(step.node) == pytest.approx(expected, abs=1e-5)
        walk.chose(step)


def test_the_first_policy_is_nearly_uniform() -> None:
    for probabilities in zoph().policy((), STEPS):
        assert probabilities == pytest.approx(np.full(4, 0.25), abs=0.05)


def test_constant_rewards_change_no_weight() -> None:
    strategy = zoph()
    observations = tuple(play(strategy, FLAT, constant, trials=12, seed=0))
    assert np.array_equal(zoph().policy((), STEPS), strategy.policy(observations, STEPS))


def test_better_than_average_becomes_likelier_and_worse_becomes_less_likely() -> None:
    known = (complete(0, all_of("a"), 0.5), complete(1, all_of("d"), 0.9))
    steps = [Step(node=node, choice=3) for node in range(6)]
    before, after = (zoph(",step=0.01").policy(seen, steps) for seen in (known[:1], known))
    assert np.prod([row[3] for row in after]) > np.prod([row[3] for row in before])
    worse = (known[0], complete(1, all_of("d"), 0.1))
    less = zoph(",step=0.01").policy(worse, steps)
    assert np.prod([row[3] for row in less]) < np.prod([row[3] for row in before])


def test_the_weights_of_an_inactive_parameter_do_not_move() -> None:
    strategy = zoph(",step=0.01", space=CONDITIONAL)
    node = [p.name for p in CONDITIONAL.parameters].index("hidden_units")
    known = (complete(0, FLATTEN, 0.1), complete(1, FLATTEN, 0.9), complete(2, FLATTEN, 0.3))
    before = _own_weights(strategy, known, node)
    after = _own_weights(strategy, (*known, complete(3, AVERAGE, 2.0)), node)
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def _own_weights(
    strategy: ReinforceZophStrategy, observations: tuple[Observation, ...], node: int
) -> list[torch.Tensor]:
    controller = strategy._learner.over(observations).controller
    tables = (controller.embeddings, controller.heads, controller.biases)
    return [table[node].detach().clone() for table in tables]


def test_a_failed_trial_counts_as_the_worst_so_far_and_changes_nothing_before_the_first() -> None:
    failed = Observation(number=0, values=all_of("b"), outcome="failed")
    assert np.array_equal(zoph().policy((), STEPS), zoph().policy((failed,), STEPS))
    known = (complete(0, all_of("a"), 0.9), complete(1, all_of("c"), 0.4))
    as_failed = Observation(number=2, values=all_of("b"), outcome="failed")
    as_worst = complete(2, all_of("b"), 0.4)
    assert np.array_equal(
        zoph().policy((*known, as_failed), STEPS), zoph().policy((*known, as_worst), STEPS)
    )


def test_a_pruned_trial_is_never_worth_more_than_the_worst() -> None:
    known = (complete(0, all_of("a"), 0.9), complete(1, all_of("c"), 0.4))
    pruned = Observation(number=2, values=all_of("b"), outcome="pruned", scores=(0.95,), step=1)
    assert np.array_equal(
        zoph().policy((*known, pruned), STEPS),
        zoph().policy((*known, complete(2, all_of("b"), 0.4)), STEPS),
    )


def test_nothing_is_drawn_from_torchs_generator() -> None:
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    zoph().propose(History(space=FLAT, observations=()), generator(0, "x"))
    assert torch.equal(torch.rand(1), expected)
