"""REINFORCE as Zoph & Le published it (1611.01578): a recurrent network chooses.

A two-layer LSTM reads the choice before and gives the logits of the next one, along the active
parameters of a point. Each finished trial is one step of policy gradient, its reward compared
with a moving average. From the paper, sections 3.2 and 4.1: 35 units a layer, weights from
U(-0.08, 0.08), Adam at 0.0006, the validation accuracy cubed as the reward. The paper does not
say how fast its average moves; 0.99 and the entropy bonus (there 0.0001, here off) are those of
ENAS (Pham et al., 1802.03268, its published code).

The paper trained 12,800 networks this way: within a few hundred trials the policy hardly moves.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from study.search_strategy.sampler_spec import Chosen, StrategyContext
from study.search_strategy.samplers.discrete import DiscreteSpace, Step
from study.search_strategy.samplers.incremental_state import IncrementalState
from study.search_strategy.samplers.lstm_controller import Controller, Walk
from study.search_strategy.samplers.reinforce import draw
from study.search_strategy.strategy import History, Observation, Proposal, generator

Array = np.ndarray

FIRST_WEIGHTS = 0.08
POWER = 3


@dataclass(slots=True, kw_only=True)
class _Learner:
    """The controller, its optimiser's moments, and what rewards are compared with.

    Args:
        controller: The policy.
        adam: Its optimiser.
        baseline: Moving average of the rewards; None before the first.
        lowest: Smallest reward so far.
    """

    controller: Controller
    adam: torch.optim.Adam
    baseline: float | None = None
    lowest: float | None = None

    def copy(self) -> _Learner:
        controller, adam = copy.deepcopy((self.controller, self.adam))
        return _Learner(
            controller=controller, adam=adam, baseline=self.baseline, lowest=self.lowest
        )


class ReinforceZoph:
    """Draws from the controller and trains it by one step a trial.

    Args:
        context: The study it is for.
        step: Adam's learning rate.
        decay: Share of the old baseline that a new reward leaves.
        entropy: Weight of the entropy bonus.
    """

    def __init__(
        self, context: StrategyContext, *, step: float, decay: float, entropy: float
    ) -> None:
        self._space, self._seed = DiscreteSpace(context.space), context.seed
        self._step, self._decay, self._entropy = step, decay, entropy
        self._learner: IncrementalState[_Learner] = IncrementalState(
            start=self._begin, step=self._learn, copy=_Learner.copy
        )

    def propose(self, history: History, rng: np.random.Generator) -> Proposal:
        """Return a draw from the policy."""
        walk = Walk(self._learner.over(history.observations).controller)
        logarithm = 0.0

        def choose(node: int, _: int) -> int:
            nonlocal logarithm
            probabilities = walk.policy(node)
            choice = draw(probabilities, rng)
            walk.chose(Step(node=node, choice=choice))
            logarithm += float(np.log(probabilities[choice]))
            return choice

        values = self._space.walk(choose, rng)
        return Proposal(values=values, notes={"log_probability": round(logarithm, 6)})

    def policy(self, observations: tuple[Observation, ...], steps: Sequence[Step]) -> list[Array]:
        """Return the probabilities at each of these steps after these observations."""
        controller = self._learner.over(observations).controller
        with torch.no_grad():
            return [np.asarray(row.exp()) for row in controller.log_policies(steps)]

    def _begin(self) -> _Learner:
        with torch.device("meta"):  # no draws from the global generator
            controller = Controller([len(choices) for choices in self._space.choices])
        controller.to_empty(device="cpu")
        rng = generator(self._seed, "controller")
        with torch.no_grad():
            for weights in controller.parameters():
                drawn = rng.uniform(-FIRST_WEIGHTS, FIRST_WEIGHTS, size=tuple(weights.shape))
                weights.copy_(torch.from_numpy(drawn))
        adam = torch.optim.Adam(controller.parameters(), lr=self._step, foreach=True)
        return _Learner(controller=controller, adam=adam)

    def _learn(self, learner: _Learner, observation: Observation) -> None:
        reward = _reward(observation, learner.lowest)
        if reward is None:
            return
        learner.lowest = reward if learner.lowest is None else min(reward, learner.lowest)
        baseline = reward if learner.baseline is None else learner.baseline
        learner.baseline = self._decay * baseline + (1 - self._decay) * reward
        steps = self._space.steps(observation.values)
        if not steps:
            return
        policies = learner.controller.log_policies(steps)
        chosen = torch.stack([row[s.choice] for row, s in zip(policies, steps, strict=True)])
        gain = (reward - baseline) * chosen.sum()
        if self._entropy:
            gain = (
                gain - self._entropy * torch.stack([(r.exp() * r).sum() for r in policies]).sum()
            )
        learner.adam.zero_grad()
        torch.autograd.backward([-gain])
        learner.adam.step()


def _reward(observation: Observation, lowest: float | None) -> float | None:
    """Return the score cubed; of a pruned trial at most, of a failed one exactly the lowest.

    None where there is nothing yet to put such a trial below.
    """
    if observation.outcome == "complete":
        return float(observation.scores[0] ** POWER)
    if lowest is None or not observation.scores:
        return lowest
    return min(observation.scores[0] ** POWER, lowest)


def reinforce_zoph(context: StrategyContext, chosen: Chosen) -> ReinforceZoph:
    """Return the recurrent controller."""
    return ReinforceZoph(
        context,
        step=float(chosen["step"]),
        decay=float(chosen["decay"]),
        entropy=float(chosen["entropy"]),
    )
