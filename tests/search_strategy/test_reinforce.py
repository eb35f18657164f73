from __future__ import annotations

import math

import numpy as np
import pytest

from study.search_space.candidate import Values
from study.search_strategy.sampler import StrategyContext
from study.search_strategy.samplers.reinforce import (
    Reinforce,
    ReinforceStrategy,
    draw,
    entropy_gradient,
    softmax,
)
from study.search_strategy.strategy import History, Observation, generator
from tests.search_strategy.landscapes import CONDITIONAL, FLAT, constant, play, separable

FLATTEN: Values = {
    "head": "flatten",
    "hidden_units": 64,
    "flip": True,
    "conv_layers": 2,
    "learning_rate": 0.01,
    "dropout": 0.3,
}
AVERAGE: Values = {k: v for k, v in FLATTEN.items() if k != "hidden_units"} | {
    "head": "global_average"
}


def complete(number: int, values: Values, score: float) -> Observation:
    return Observation(number=number, values=values, outcome="complete", scores=(score,))


def test_the_first_two_trials_move_the_logits_as_computed_by_hand() -> None:
    strategy = ReinforceStrategy(Reinforce(), StrategyContext(space=FLAT))
    first = {p.name: "a" for p in FLAT.parameters}
    second = {p.name: "b" for p in FLAT.parameters}
    observations = (complete(0, first, 1.0), complete(1, second, 2.0))
    # the first reward is 0.5, so its advantage is 0; the second is the best: advantage 1
    logits = 0.3 * np.array([-0.25, 0.75, -0.25, -0.25])
    for probabilities in strategy.policy(observations):
        assert probabilities == pytest.approx(np.exp(logits) / np.exp(logits).sum())


def test_constant_rewards_leave_the_policy_uniform() -> None:
    strategy = ReinforceStrategy(Reinforce(), StrategyContext(space=FLAT))
    observations = tuple(play(strategy, FLAT, constant, trials=60, seed=0))
    for probabilities in strategy.policy(observations):
        assert np.array_equal(probabilities, np.full(4, 0.25))


def test_noise_alone_prefers_no_value() -> None:
    preferred = np.zeros(4)
    for seed in range(40):
        strategy = ReinforceStrategy(Reinforce(), StrategyContext(space=FLAT))
        played = play(strategy, FLAT, lambda _, noise: noise.normal(), trials=60, seed=seed)
        for probabilities in strategy.policy(tuple(played)):
            preferred[int(np.argmax(probabilities))] += 1
    expected = preferred.sum() / 4
    assert float(((preferred - expected) ** 2 / expected).sum()) < 16.3  # χ² with 3, p = 0.001


def test_a_separable_landscape_is_learned() -> None:
    chances, entropies = [], []
    for seed in range(20):
        strategy = ReinforceStrategy(Reinforce(), StrategyContext(space=FLAT))
        played = play(strategy, FLAT, separable, trials=100, seed=seed)
        for probabilities in strategy.policy(tuple(played)):
            chances.append(probabilities[3])
            entropies.append(-float(probabilities @ np.log(probabilities)) / math.log(4))
    assert np.mean(chances) > 0.6
    assert np.mean(entropies) < 0.5


def test_an_inactive_parameter_is_not_moved() -> None:
    strategy = ReinforceStrategy(Reinforce(entropy=0.1), StrategyContext(space=CONDITIONAL))
    known = (complete(0, FLATTEN, 0.1), complete(1, FLATTEN, 0.9))
    node = [p.name for p in CONDITIONAL.parameters].index("hidden_units")
    before = strategy.policy(known)
    after = strategy.policy((*known, complete(2, AVERAGE, 2.0)))
    assert np.array_equal(before[node], after[node])
    assert not np.array_equal(before[0], after[0])


def test_an_entropy_bonus_keeps_the_policy_wider() -> None:
    def entropy(weight: float) -> float:
        strategy = ReinforceStrategy(Reinforce(entropy=weight), StrategyContext(space=FLAT))
        played = play(strategy, FLAT, separable, trials=80, seed=1)
        rows = strategy.policy(tuple(played))
        return sum(-float(row @ np.log(row)) for row in rows)

    assert entropy(0.3) > entropy(0.0)


def test_the_entropys_gradient_is_that_of_finite_differences() -> None:
    logits = np.array([0.3, -1.0, 0.7])

    def entropy(at: np.ndarray) -> float:
        return -float(softmax(at) @ np.log(softmax(at)))

    steps = np.eye(3) * 1e-6
    numeric = [(entropy(logits + s) - entropy(logits - s)) / 2e-6 for s in steps]
    assert entropy_gradient(softmax(logits)) == pytest.approx(numeric, abs=1e-8)


def test_draws_have_the_given_probabilities() -> None:
    probabilities = np.array([0.0, 0.2, 0.5, 0.3, 0.0])
    rng = generator(0, "draws")
    counts = np.bincount([draw(probabilities, rng) for _ in range(5000)], minlength=5)
    assert counts / 5000 == pytest.approx(probabilities, abs=0.03)
    assert counts[0] == counts[4] == 0


def test_the_log_probability_of_a_proposal_is_noted() -> None:
    strategy = ReinforceStrategy(Reinforce(), StrategyContext(space=FLAT))
    proposal = strategy.propose(History(space=FLAT, observations=()), generator(0, "x"))
    assert proposal.notes["log_probability"] == pytest.approx(6 * math.log(0.25), abs=1e-6)
