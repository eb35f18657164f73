"""What training minimises; validation always uses plain cross-entropy."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from study.search_space.candidate import Recipe

Loss = Callable[[Tensor, Tensor], Tensor]
"""Class scores float32 (n, classes), labels int64 (n,) → mean loss, a scalar."""


def training_loss(recipe: Recipe, labels: Tensor, *, classes: int) -> Loss:
    """Return the loss of a recipe: its ``label_smoothing`` and ``balance`` are used.

    ``logit_adjust`` adds the log share of every class to its score in training and leaves the
    scores alone at prediction (Menon et al., arXiv 2007.07314, eq. 10 with τ = 1), which aims at
    the balanced error. A class without images counts as if it had one.

    Args:
        recipe: How the network is trained.
        labels: Classes of all training images, int64 (n,).
        classes: Number of classes.
    """
    smoothing = recipe.label_smoothing
    if recipe.balance != "logit_adjust":
        return lambda logits, targets: F.cross_entropy(logits, targets, label_smoothing=smoothing)
    counts = torch.bincount(labels, minlength=classes).clamp_(min=1)
    log_prior = (counts / counts.sum()).log()
    return lambda logits, targets: F.cross_entropy(
        logits + log_prior, targets, label_smoothing=smoothing
    )
