"""The limits of a study, what it has used, and whether another trial fits."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """The limits of a study; None for no limit.

    Args:
        trials: Finished trials.
        seconds: Seconds in which at least one process works, over all runs.
        epochs: Trained epochs.
    """

    trials: int | None = None
    seconds: float | None = None
    epochs: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What a study has used.

    Args:
        trials: Finished trials, without duplicates.
        epochs: Trained epochs, those of lost trials included.
        training_seconds: Seconds of training and validation, summed over workers.
        wall_seconds: Seconds in which at least one process worked.
    """

    trials: int = 0
    epochs: float = 0.0
    training_seconds: float = 0.0
    wall_seconds: float = 0.0


def used_up(budget: Budget, spent: Spent) -> str | None:
    """Return which limit is reached; None for no limit."""
    if budget.trials is not None and spent.trials >= budget.trials:
        return f"all {budget.trials} trials are done"
    if budget.seconds is not None and spent.wall_seconds >= budget.seconds:
        return f"the {budget.seconds:g} seconds of --timeout are used up"
    if budget.epochs is not None and spent.epochs >= budget.epochs:
        return f"the {budget.epochs:g} epochs of --epochs-budget are used up"
    return None


def has_room(budget: Budget, spent: Spent, *, running: int, running_epochs: float) -> bool:
    """Return whether one more trial may start beside the running ones.

    Args:
        running_epochs: Epochs that the running trials and the next one may still train.
    """
    if budget.trials is not None and spent.trials + running >= budget.trials:
        return False
    return budget.epochs is None or spent.epochs + running_epochs <= budget.epochs


def too_little_left(budget: Budget, spent: Spent, *, next_epochs: float) -> str | None:
    """Return a text where too few epochs are left for one more training, else None.

    Args:
        spent: What is used while no trial is running.
        next_epochs: Epochs that the next training may take.
    """
    if budget.epochs is None or spent.epochs + next_epochs <= budget.epochs:
        return None
    left = budget.epochs - spent.epochs
    return (
        f"{left:g} of the {budget.epochs:g} epochs of --epochs-budget are left, too few for"
        f" another training of {next_epochs:g}"
    )
