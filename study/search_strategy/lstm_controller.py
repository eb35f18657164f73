"""The recurrent network that chooses in ``reinforce:zoph``: trained whole, walked step by step."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from study.search_strategy.discrete import Step

Array = np.ndarray

UNITS, LAYERS = 35, 2
"""Zoph & Le (1611.01578), section 4.1."""


class Controller(nn.Module):
    """Gives the logits of each choice, having seen those before it.

    The values of all parameters stand in one table each for the embeddings and for the softmax
    weights, a parameter's side by side: few large tensors are faster than many small ones.

    Args:
        counts: Number of values of each parameter.
    """

    def __init__(self, counts: Sequence[int]) -> None:
        super().__init__()
        self._ends = np.cumsum(counts).tolist()
        self._starts = [0, *self._ends[:-1]]
        self.first = nn.Parameter(torch.empty(UNITS))
        self.embeddings = nn.Embedding(self._ends[-1], UNITS)
        self.lstm = nn.LSTM(UNITS, UNITS, num_layers=LAYERS)
        self.heads = nn.Linear(UNITS, self._ends[-1])

    def embed(self, steps: Sequence[Step]) -> torch.Tensor:
        """Return the vectors of choices that were made, shape (steps, UNITS)."""
        rows = [self._starts[step.node] + step.choice for step in steps]
        return torch.as_tensor(self.embeddings(torch.tensor(rows, dtype=torch.long)))

    def slice(self, node: int) -> slice:
        """Return where a parameter's values stand in the tables."""
        return slice(self._starts[node], self._ends[node])

    def log_policies(self, steps: Sequence[Step]) -> list[torch.Tensor]:
        """Return the log-probabilities of every value at each of these steps."""
        outputs, _ = self.lstm(torch.cat([self.first[None], self.embed(steps[:-1])]))
        logits = self.heads(outputs)
        return [
            torch.log_softmax(row[self.slice(step.node)], dim=0)
            for step, row in zip(steps, logits, strict=True)
        ]


class Walk:
    """One point's way through a controller, on its weights as arrays.

    A step of PyTorch's LSTM is nearly all overhead, and a point has up to some dozen of them.

    Args:
        controller: The policy.
    """

    def __init__(self, controller: Controller) -> None:
        weights = {
            name: tensor.detach().numpy().astype(np.float64)
            for name, tensor in controller.named_parameters()
        }
        self._slice = controller.slice
        self._embeddings = weights["embeddings.weight"]
        self._heads = weights["heads.weight"], weights["heads.bias"]
        self._layers = [
            (
                weights[f"lstm.weight_ih_l{layer}"],
                weights[f"lstm.weight_hh_l{layer}"],
                weights[f"lstm.bias_ih_l{layer}"] + weights[f"lstm.bias_hh_l{layer}"],
            )
            for layer in range(LAYERS)
        ]
        self._seen = weights["first"]
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
        matrix, bias = self._heads
        rows = self._slice(node)
        logits = matrix[rows] @ output + bias[rows]
        weights = np.exp(logits - logits.max())
        return np.asarray(weights / weights.sum())

    def chose(self, step: Step) -> None:
        """Go on from a choice."""
        self._seen = self._embeddings[self._slice(step.node)][step.choice]


def _sigmoid(x: Array) -> Array:
    return np.asarray(0.5 + 0.5 * np.tanh(0.5 * x))
