from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from study.search_space.space import SearchSpace
from study.search_strategy.samplers.discrete import Step
from study.search_strategy.samplers.reinforce import (
    ReinforceStrategy,
    draw,
    entropy_gradient,
    softmax,
)
from study.search_strategy.samplers.reinforce_zoph import Controller, ReinforceZophStrategy, Walk
from study.search_strategy.strategy import Observation, generator
from tests.search_strategy.landscapes import (
    AVERAGE,
    CONDITIONAL,
    FLAT,
    FLATTEN,
    Score,
    all_of,
    complete,
    constant,
    make_strategy,
    played,
    propose,
    separable,
)

STEPS = [Step(node=node, choice=node % 4) for node in range(6)]
HIDDEN_UNITS = [p.name for p in CONDITIONAL.parameters].index("hidden_units")


def policy_after(
    *known: Observation, text: str = "reinforce", space: SearchSpace = FLAT
) -> list[np.ndarray]:
    strategy = make_strategy(text, space)
    assert isinstance(strategy, ReinforceStrategy)
    return strategy.policy(known)


def learned(score: Score, *, trials: int, seed: int, text: str = "reinforce") -> list[np.ndarray]:
    """Return the policy after a study."""
    return policy_after(*played(text, FLAT, score, trials=trials, seed=seed), text=text)


def entropy(probabilities: np.ndarray) -> float:
    return -float(probabilities @ np.log(probabilities))


def test_the_first_two_trials_move_the_logits_as_computed_by_hand() -> None:
    # the first reward is 0.5, so its advantage is 0; the second is the best: advantage 1
    logits = 0.3 * np.array([-0.25, 0.75, -0.25, -0.25])
    known = (complete(0, all_of("a"), 1.0), complete(1, all_of("b"), 2.0))
    for probabilities in policy_after(*known):
        assert probabilities == pytest.approx(np.exp(logits) / np.exp(logits).sum())


def test_constant_rewards_leave_the_policy_uniform() -> None:
    for probabilities in learned(constant, trials=60, seed=0):
        assert np.array_equal(probabilities, np.full(4, 0.25))


def test_noise_alone_prefers_no_value() -> None:
    preferred = np.zeros(4)
    for seed in range(40):
        for probabilities in learned(lambda _, noise: noise.normal(), trials=60, seed=seed):
            preferred[int(np.argmax(probabilities))] += 1
    expected = preferred.sum() / 4
    assert float(((preferred - expected) ** 2 / expected).sum()) < 16.3  # χ² with 3, p = 0.001


def test_a_separable_landscape_is_learned() -> None:
    policies = [row for seed in range(20) for row in learned(separable, trials=100, seed=seed)]
    assert np.mean([row[3] for row in policies]) > 0.6
    assert np.mean([entropy(row) / math.log(4) for row in policies]) < 0.5


def test_an_inactive_parameter_is_not_moved() -> None:
    known = (complete(0, FLATTEN, 0.1), complete(1, FLATTEN, 0.9))
    before, after = (
        policy_after(*seen, text="reinforce,entropy=0.1", space=CONDITIONAL)
        for seen in (known, (*known, complete(2, AVERAGE, 2.0)))
    )
    assert np.array_equal(before[HIDDEN_UNITS], after[HIDDEN_UNITS])
    assert not np.array_equal(before[0], after[0])


def test_an_entropy_bonus_keeps_the_policy_wider() -> None:
    wide, plain = (
        sum(map(entropy, learned(separable, trials=80, seed=1, text=f"reinforce{option}")))
        for option in (",entropy=0.3", "")
    )
    assert wide > plain


def test_the_entropys_gradient_is_that_of_finite_differences() -> None:
    logits, steps = np.array([0.3, -1.0, 0.7]), np.eye(3) * 1e-6
    numeric = [
        (entropy(softmax(logits + step)) - entropy(softmax(logits - step))) / 2e-6
        for step in steps
    ]
    assert entropy_gradient(softmax(logits)) == pytest.approx(numeric, abs=1e-8)


def test_draws_have_the_given_probabilities() -> None:
    probabilities = np.array([0.0, 0.2, 0.5, 0.3, 0.0])
    rng = generator(0, "draws")
    counts = np.bincount([draw(probabilities, rng) for _ in range(5000)], minlength=5)
    assert counts / 5000 == pytest.approx(probabilities, abs=0.03)
    assert counts[0] == counts[4] == 0


def test_the_log_probability_of_a_proposal_is_noted() -> None:
    noted = propose("reinforce", FLAT).notes["log_probability"]
    assert noted == pytest.approx(6 * math.log(0.25), abs=1e-6)


def zoph(options: str = "", *, space: SearchSpace = FLAT) -> ReinforceZophStrategy:
    strategy = make_strategy(f"reinforce:zoph{options}", space, seed=3)
    assert isinstance(strategy, ReinforceZophStrategy)
    return strategy


def zoph_policy(*known: Observation, options: str = "") -> list[np.ndarray]:
    return zoph(options).policy(known, STEPS)


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


def test_the_first_policy_is_nearly_uniform_and_constant_rewards_do_not_change_it() -> None:
    first = zoph_policy()
    assert np.array(first) == pytest.approx(np.full((6, 4), 0.25), abs=0.05)
    known = played("reinforce:zoph", FLAT, constant, trials=12, seed=3)
    assert np.array_equal(zoph_policy(*known), first)


def test_better_than_average_becomes_likelier_and_worse_becomes_less_likely() -> None:
    steps = [Step(node=node, choice=3) for node in range(6)]
    average = complete(0, all_of("a"), 0.5)
    better, worse = (complete(1, all_of("d"), score) for score in (0.9, 0.1))

    def chance(*known: Observation) -> float:
        return float(np.prod([row[3] for row in zoph(",step=0.01").policy(known, steps)]))

    assert chance(average, worse) < chance(average) < chance(average, better)


def test_the_weights_of_an_inactive_parameter_do_not_move() -> None:
    strategy = zoph(",step=0.01", space=CONDITIONAL)
    known = (complete(0, FLATTEN, 0.1), complete(1, FLATTEN, 0.9), complete(2, FLATTEN, 0.3))

    def own_weights(*known: Observation) -> list[torch.Tensor]:
        controller = strategy._learner.over(known).controller
        tables = (controller.embeddings, controller.heads, controller.biases)
        return [table[HIDDEN_UNITS].detach().clone() for table in tables]

    before, after = own_weights(*known), own_weights(*known, complete(3, AVERAGE, 2.0))
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_a_failed_or_pruned_trial_counts_as_the_worst_so_far() -> None:
    known = (complete(0, all_of("a"), 0.9), complete(1, all_of("c"), 0.4))
    worst = zoph_policy(*known, complete(2, all_of("b"), 0.4))
    failed = Observation(number=2, values=all_of("b"), outcome="failed")
    assert np.array_equal(zoph_policy(*known, failed), worst)
    assert np.array_equal(zoph_policy(failed), zoph_policy())  # nothing is complete
    pruned = replace(failed, outcome="pruned", scores=(0.95,), step=1)
    assert np.array_equal(zoph_policy(*known, pruned), worst)


def test_nothing_is_drawn_from_torchs_generator() -> None:
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    propose("reinforce:zoph", FLAT)
    assert torch.equal(torch.rand(1), expected)
