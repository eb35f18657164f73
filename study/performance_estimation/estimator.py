"""What every estimator is: a candidate in, an estimate with its price out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Protocol

from study.common.artifact_path import ArtifactPath
from study.search_space.candidate import Candidate, ImageFormat
from study.search_space.space import SearchSpace

if TYPE_CHECKING:  # `check` and `--help` read this file and must not wait for torch
    import torch

    from study.data.dataset import SearchData


@dataclass(frozen=True, slots=True, kw_only=True)
class EstimatorContext:
    """The study and the process that an estimator works for.

    Args:
        image: Format of the images that enter the networks.
        data: None where the estimator needs no images.
        fraction: Stratified share of the training images, the same for every candidate.
        precision: ``float32`` or ``bfloat16``.
        folder: Where checkpoints are kept; None for none.
        origin: Sampler and identity of the study. A checkpoint that depends on the sampler is
            used only under the same origin.
        learns_policy: Whether the study's sampler learns a distribution to draw candidates from.
        several_seeds: Whether a candidate is trained with several seeds, so that checkpoint names
            need the seed.
        interrupted: Asked often; True stops the estimate.
    """

    space: SearchSpace
    image: ImageFormat
    data: SearchData | None = None
    fraction: float = 1.0
    precision: str = "float32"
    device: torch.device | None = None
    seed: int = 0
    folder: ArtifactPath | None = None
    origin: str = ""
    learns_policy: bool = False
    several_seeds: bool = False
    interrupted: Callable[[], bool] = lambda: False


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Intermediate result of an estimate; for a training, that of an epoch.

    Args:
        number: From 1.
        metrics: Measures named with their split, as ``val_accuracy``.
        train_loss: Mean loss of the training images during the epoch, in nats, regularisation
            included; None where nothing is trained.
        seconds: Time of training and validation; None for a step restored from a checkpoint.
            Not part of a comparison of steps.
    """

    number: int
    metrics: Mapping[str, float]
    train_loss: float | None = None
    seconds: float | None = field(default=None, compare=False)


Report = Callable[[Step], None]
"""Called after every step, in order. An exception that it raises ends the estimate: a prune."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Estimated quality of a candidate, and its price.

    Args:
        metrics: Measures named with their split; the objective is one of them.
        epochs: Epochs trained for this estimate; repeats after a crash are not counted.
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
        """Return the estimate of a candidate. The same seed gives the same estimate.

        Raises:
            EstimateFailed: The candidate cannot be scored, for example after a non-finite loss.
            Interrupted: The context asked to stop.
        """


class EstimatorOptions:
    """What is chosen by ``--estimator NAME,option=value``. A subclass is a pydantic dataclass.

    Attributes:
        name: Name on the command line.
        metric: The only measure that the estimator has; None where it has those of a training.
        caution: What a reader of results must know; empty for trainings.
    """

    name: ClassVar[str]
    needs_data: ClassVar[bool] = True
    metric: ClassVar[str | None] = None
    caution: ClassVar[str] = ""

    def candidate_epochs(self, recipe_epochs: int) -> int:
        """Return the epochs for which a candidate is trained whose recipe asks for these."""
        return recipe_epochs

    def epochs_before_first_trial(self, *, learns_policy: bool) -> int:
        """Return the epochs trained before the study's first trial."""
        return 0

    def validate(self, space: SearchSpace, image: ImageFormat) -> None:
        """Check that the estimator can score every candidate of a space.

        Raises:
            SettingsError: It cannot. The message says why and what to do.
        """

    def make(self, context: EstimatorContext) -> Estimator:
        """Return the estimator of a study."""
        raise NotImplementedError


class EstimateFailed(Exception):  # noqa: N818 - an outcome to record, not a defect
    """A candidate that cannot be scored. It is recorded with the trial, and the study continues.

    Args:
        kind: ``out of memory``, ``non-finite``, ``untrained``, ``data error`` or ``constraint``.
        text: What happened, with the numbers.
    """

    def __init__(self, kind: str, text: str) -> None:
        self.kind = kind
        super().__init__(text)


class Interrupted(Exception):  # noqa: N818 - not an error: the estimate was asked to stop
    """The estimate was asked to stop. The last checkpoint holds all finished epochs."""
