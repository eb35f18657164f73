"""REINFORCE as Zoph & Le published it (1611.01578): a recurrent network chooses.

A two-layer LSTM reads the previous choice and gives the logits of the next one, along the active
parameters of a point. Each finished trial is one step of policy gradient, with a moving average of
the reward as baseline. ``docs/strategies.md`` has the source of each constant.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from study.search_strategy.sampler import StrategyContext
from study.search_strategy.samplers.discrete import DiscreteSpace, Step
from study.search_strategy.samplers.reinforce import ReinforceZoph, draw_point, softmax
from study.search_strategy.strategy import (
    History,
    IncrementalState,
    Observation,
    Proposal,
    generator,
)

Array = np.ndarray

UNITS, LAYERS = 35, 2
FIRST_WEIGHTS = 0.08
POWER = 3


class Controller(nn.Module):
    """Gives the logits of each choice from the choices before it.

    Each parameter has its own weights at both ends of the LSTM. The weights of an inactive
    parameter get no gradient, so Adam does not change them. ``counts`` are the numbers of values.
    """

    def __init__(self, counts: Sequence[int]) -> None:
        super().__init__()
        self.first = nn.Parameter(torch.empty(UNITS))
        self.embeddings = nn.ParameterList(torch.empty(count, UNITS) for count in counts)
        self.lstm = nn.LSTM(UNITS, UNITS, num_layers=LAYERS)
        self.heads = nn.ParameterList(torch.empty(count, UNITS) for count in counts)
        self.biases = nn.ParameterList(torch.empty(count) for count in counts)

    def log_policies(self, steps: Sequence[Step]) -> list[torch.Tensor]:
        """Return the log-probability of every value at each of these steps."""
        made = [self.embeddings[step.node][step.choice] for step in steps[:-1]]
        outputs, _ = self.lstm(torch.stack([self.first, *made]))
        return [
            torch.log_softmax(self.heads[step.node] @ output + self.biases[step.node], dim=0)
            for step, output in zip(steps, outputs, strict=True)
        ]


class Walk:
    """Draws one point choice by choice from a controller, with its weights as arrays.

    A single step of PyTorch's LSTM is almost all overhead, and a point has a dozen or more.
    """

    def __init__(self, controller: Controller) -> None:
        arrays = {
            name: tensor.detach().numpy().astype(np.float64)
            for name, tensor in controller.named_parameters()
        }
        self._arrays = arrays
        self._layers = [
            (
                arrays[f"lstm.weight_ih_l{layer}"],
                arrays[f"lstm.weight_hh_l{layer}"],
                arrays[f"lstm.bias_ih_l{layer}"] + arrays[f"lstm.bias_hh_l{layer}"],
            )
            for layer in range(LAYERS)
        ]
        self._seen = arrays["first"]
        self._memory = [(np.zeros(UNITS), np.zeros(UNITS)) for _ in range(LAYERS)]

    def policy(self, node: int) -> Array:
        """Return the probability of every value of the next parameter, shape (values,)."""
        output = self._seen
        for layer, (inward, across, bias) in enumerate(self._layers):
            hidden, cell = self._memory[layer]
            entry, forget, new, leave = np.split(inward @ output + across @ hidden + bias, 4)
            cell = _sigmoid(forget) * cell + _sigmoid(entry) * np.tanh(new)
            output = _sigmoid(leave) * np.tanh(cell)
            self._memory[layer] = (output, cell)
        logits = self._arrays[f"heads.{node}"] @ output + self._arrays[f"biases.{node}"]
        return softmax(logits)

    def chose(self, step: Step) -> None:
        """Continue after a choice."""
        self._seen = self._arrays[f"embeddings.{step.node}"][step.choice]


def _sigmoid(x: Array) -> Array:
    return np.asarray(0.5 + 0.5 * np.tanh(0.5 * x))


@dataclass(slots=True, kw_only=True)
class _Learner:
    """The controller, its optimiser, the moving average and the smallest of the rewards."""

    controller: Controller
    adam: torch.optim.Adam
    baseline: float | None = None
    lowest: float | None = None


class ReinforceZophStrategy:
    """Draws from the controller and trains it by one step per trial."""

    def __init__(self, options: ReinforceZoph, context: StrategyContext) -> None:
        self._space, self._seed = DiscreteSpace(context.space), context.seed
        self._step, self._decay, self._entropy = options.step, options.decay, options.entropy
        self._learner = IncrementalState(start=self._begin, step=self._learn, copy=copy.deepcopy)

    def propose(self, history: History, rng: np.random.Generator) -> Proposal:
        walk = Walk(self._learner.over(history.observations).controller)
        return draw_point(self._space, walk.policy, rng, chose=walk.chose)

    def policy(self, observations: tuple[Observation, ...], steps: Sequence[Step]) -> list[Array]:
        """Return the probability of every value at each of these steps."""
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
    """Return the score cubed, or None if no trial is complete yet.

    A failed trial gets the lowest reward so far, a pruned trial at most that.
    """
    if observation.outcome == "complete":
        return float(observation.scores[0] ** POWER)
    if lowest is None or not observation.scores:
        return lowest
    return min(observation.scores[0] ** POWER, lowest)
