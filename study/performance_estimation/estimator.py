"""What every estimator is: a candidate in, an estimate with its price out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from study.search_space.candidate import Candidate


@dataclass(frozen=True, slots=True, kw_only=True)
class Fidelity:
    """Share of a full training that an estimate costs.

    Args:
        epochs: Epochs to train, the learning-rate schedule compressed to them; None = all that
            the candidate's recipe asks for.
        fraction: Stratified share of the training images, the same for every candidate.
        image_size: Side the images are resized to, in pixels; None = as they are.
    """

    epochs: int | None = None
    fraction: float = 1.0
    image_size: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What an estimator reports on its way.

    Args:
        number: From 1; for a training, the epoch.
        metrics: Measures named with their split, as ``val_accuracy``.
        train_loss: Mean training loss of the epoch, in nats; None where nothing is trained.
        seconds: Time the step took; None for a step restored from a checkpoint.
    """

    number: int
    metrics: Mapping[str, float]
    train_loss: float | None = None
    seconds: float | None = None


Report = Callable[[Step], None]
"""Called after every step, in order; may raise to stop the estimate (a prune passes through)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """How good a candidate is believed to be, and what that cost.

    Args:
        metrics: Measures named with their split; the objective is one of them.
        epochs: Epochs trained for this estimate, repeats after a crash not counted.
        seconds: Training and validation time in this process.
        facts: More to store with the trial: seeds, precision, device.
    """

    metrics: Mapping[str, float]
    epochs: float = 0.0
    seconds: float = 0.0
    facts: Mapping[str, object] = field(default_factory=dict)


class Estimator(Protocol):
    """Scores a candidate at a price. Knows nothing of Optuna or of the storage."""

    def estimate(self, candidate: Candidate, *, seed: int, report: Report) -> Estimate:
        """Return the estimate of a candidate.

        Args:
            candidate: What to score; not changed.
            seed: Same seed and candidate, same estimate.
            report: Called after every step.

        Raises:
            EstimateFailed: The candidate cannot be scored, as by a non-finite loss.
        """


class EstimateFailed(Exception):  # noqa: N818 - an outcome to record, not a defect
    """A candidate that cannot be scored; recorded with the trial, the study goes on.

    Args:
        kind: ``out of memory``, ``non-finite``, ``data error`` or ``constraint``.
        text: What happened, with the numbers.
    """

    def __init__(self, kind: str, text: str) -> None:
        self.kind = kind
        super().__init__(text)
