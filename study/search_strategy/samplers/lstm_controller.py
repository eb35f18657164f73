"""The recurrent network that chooses in ``reinforce:zoph``: trained whole, walked step by step."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from study.search_strategy.samplers.discrete import Step

Array = np.ndarray

UNITS, LAYERS = 35, 2
"""Zoph & Le (1611.01578), section 4.1."""


class Controller(nn.Module):
    """Gives the logits of each choice, having seen those before it.

    Each parameter has weights of its own at both ends of the LSTM. Those of one that is not active
    in a point get no gradient, and Adam leaves them alone.

    Args:
        counts: Number of values of each parameter.
    """

    def __init__(self, counts: Sequence[int]) -> None:
        super().__init__()
        self.first = nn.Parameter(torch.empty(UNITS))
        self.embeddings = nn.ParameterList(torch.empty(count, UNITS) for count in counts)
        self.lstm = nn.LSTM(UNITS, UNITS, num_layers=LAYERS)
        self.heads = nn.ParameterList(torch.empty(count, UNITS) for count in counts)
        self.biases = nn.ParameterList(torch.empty(count) for count in counts)

    def log_policies(self, steps: Sequence[Step]) -> list[torch.Tensor]:
        """Return the log-probabilities of every value at each of these steps."""
        made = [self.embeddings[step.node][step.choice] for step in steps[:-1]]
        outputs, _ = self.lstm(torch.stack([self.first, *made]))
        return [
            torch.log_softmax(self.heads[step.node] @ output + self.biases[step.node], dim=0)
            for step, output in zip(steps, outputs, strict=True)
        ]


class Walk:
    """One point's way through a controller, on its weights as arrays.

    A step of PyTorch's LSTM is nearly all overhead, and a point has up to some dozen of them.

    Args:
        controller: The policy.
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
        weights = np.exp(logits - logits.max())
        return np.asarray(weights / weights.sum())

    def chose(self, step: Step) -> None:
        """Go on from a choice."""
        self._seen = self._arrays[f"embeddings.{step.node}"][step.choice]


def _sigmoid(x: Array) -> Array:
    return np.asarray(0.5 + 0.5 * np.tanh(0.5 * x))
