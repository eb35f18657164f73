"""What a study may cost, what it has cost, and whether the next trial still fits."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """The limits of a study; None where there is none.

    Args:
        trials: Finished trials in all.
        seconds: Seconds in which at least one process works on it, over all its runs.
        epochs: Epochs trained in all.
    """

    trials: int | None = None
    seconds: float | None = None
    epochs: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What a study has used up.

    Args:
        trials: Finished trials; twins cost nothing and are not among them.
        epochs: Epochs trained, also in trials that were lost.
        training_seconds: Seconds of training and validation, summed over workers.
        wall_seconds: Seconds in which at least one process was at work.
    """

    trials: int = 0
    epochs: float = 0.0
    training_seconds: float = 0.0
    wall_seconds: float = 0.0


def used_up(budget: Budget, spent: Spent) -> str | None:
    """Return which limit has been reached, in words, or None."""
    if budget.trials is not None and spent.trials >= budget.trials:
        return f"all {budget.trials} trials are done"
    if budget.seconds is not None and spent.wall_seconds >= budget.seconds:
        return f"the {budget.seconds:g} seconds of --timeout are used up"
    if budget.epochs is not None and spent.epochs >= budget.epochs:
        return f"the {budget.epochs:g} epochs of --epochs-budget are used up"
    return None


def has_room(budget: Budget, spent: Spent, *, running: int, running_epochs: float) -> bool:
    """Tell whether one more trial may start beside those that run.

    Args:
        budget: The limits.
        spent: What is used up.
        running: Trials being trained.
        running_epochs: Epochs that these, and the next one, may still train.
    """
    if budget.trials is not None and spent.trials + running >= budget.trials:
        return False
    return budget.epochs is None or spent.epochs + running_epochs <= budget.epochs


def too_little_left(budget: Budget, spent: Spent, *, next_epochs: float) -> str | None:
    """Return, in words, that what is left of the epochs is too little for one more training.

    Args:
        budget: The limits.
        spent: What is used up, with no trial running.
        next_epochs: Epochs the next training may take.
    """
    if budget.epochs is None or spent.epochs + next_epochs <= budget.epochs:
        return None
    left = budget.epochs - spent.epochs
    return (
        f"{left:g} of the {budget.epochs:g} epochs of --epochs-budget are left, too few for"
        f" another training of {next_epochs:g}"
    )
