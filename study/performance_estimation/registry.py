"""``--estimator``: every estimator by name, and the options of those that need torch.

Listings and checks read this file, so it does not import torch. An estimator that needs torch is
imported by its path when it is made.
"""

from __future__ import annotations

from pkgutil import resolve_name
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from study.common.choices import parse_choice, registry_of
from study.performance_estimation.estimator import Estimator, EstimatorContext, EstimatorOptions
from study.performance_estimation.supernet.paths import PATHS_PER_STEP, check_space
from study.performance_estimation.synthetic import SyntheticOptions
from study.performance_estimation.tabular.table_estimator import TableOptions
from study.search_space.candidate import ImageFormat
from study.search_space.space import SearchSpace

TURN = 5
"""Default number of trials between two epochs where policy and weights take turns."""


def _made(path: str, context: EstimatorContext, **options: Any) -> Estimator:
    cls = resolve_name(f"study.performance_estimation.{path}")
    made: Estimator = cls.for_study(context, **options)
    return made


@dataclass(frozen=True, kw_only=True)
class TrainOptions(EstimatorOptions):
    """Trains a candidate and validates it after every epoch."""

    name: ClassVar[str] = "train"

    def make(self, context: EstimatorContext) -> Estimator:
        return _made("training.train_estimator:TrainEstimator", context)


@dataclass(frozen=True, kw_only=True)
class SupernetOptions(EstimatorOptions):
    """Validates a candidate's path through shared weights, which are trained once a study."""

    name: ClassVar[str] = "supernet"
    caution: ClassVar[str] = (
        "values are estimates by shared weights, which rank candidates worse than trainings do:"
        " train the best from scratch before you claim anything about them"
    )

    epochs: Annotated[
        int, Field(ge=1, le=10_000, description="epochs of the shared weights, once a study")
    ] = 12
    paths: Annotated[
        Literal["sandwich", "uniform"],
        Field(description="what a step trains: widest, narrowest and two random paths, or one"),
    ] = "sandwich"
    trials_per_epoch: Annotated[
        int,
        Field(
            ge=-1,
            le=100_000,
            description="trials between epochs on the sampler's paths; 0 = all epochs before the"
            f" first trial; -1 = {TURN} with a sampler that learns a policy, 0 with any other",
        ),
    ] = -1

    def turn(self, *, learns_policy: bool) -> int:
        """Return the trials between two epochs; 0 where all epochs come before the first trial."""
        if self.trials_per_epoch >= 0:
            return self.trials_per_epoch
        return TURN if learns_policy else 0

    def candidate_epochs(self, recipe_epochs: int) -> int:
        return 0

    def epochs_before_first_trial(self, *, learns_policy: bool) -> int:
        """Return the passes over the training images before the first trial."""
        epochs = 1 if self.turn(learns_policy=learns_policy) else self.epochs
        return epochs * PATHS_PER_STEP[self.paths]

    def validate(self, space: SearchSpace, image: ImageFormat) -> None:
        check_space(space)

    def make(self, context: EstimatorContext) -> Estimator:
        return _made(
            "supernet.supernet_estimator:SupernetEstimator",
            context,
            epochs=self.epochs,
            paths=self.paths,
            trials_per_epoch=self.turn(learns_policy=context.learns_policy),
        )


@dataclass(frozen=True, kw_only=True)
class ZeroCostOptions(EstimatorOptions):
    """Scores an untrained network; the names are those of its subclasses."""

    images: Annotated[int, Field(ge=2, le=1024, description="images that the score uses")] = 64
    initialisations: Annotated[
        int, Field(ge=1, le=100, description="initialisations that the score is averaged over")
    ] = 3

    def __init_subclass__(cls) -> None:
        cls.metric = cls.name
        cls.caution = (
            f"{cls.name} ranks untrained networks: train the best before you claim anything about"
            " them"
        )

    def candidate_epochs(self, recipe_epochs: int) -> int:
        return 0

    def make(self, context: EstimatorContext) -> Estimator:
        return _made(
            "zero_cost:ZeroCostEstimator",
            context,
            proxy=self.name,
            images=self.images,
            initialisations=self.initialisations,
        )


class Synflow(ZeroCostOptions):
    """No training: flow through the absolute weights of the untrained network."""

    name = "synflow"


class JacobCov(ZeroCostOptions):
    """No training: how differently the untrained network responds to images."""

    name = "jacob_cov"


class Naswot(ZeroCostOptions):
    """No training: how differently images switch the units of the untrained network."""

    name = "naswot"


class GradNorm(ZeroCostOptions):
    """No training: size of the loss's gradient."""

    name = "grad_norm"


class Snip(ZeroCostOptions):
    """No training: sensitivity of the loss to the weights."""

    name = "snip"


ZERO_COST = registry_of(Synflow, JacobCov, Naswot, GradNorm, Snip)
"""Scores of untrained networks. Each is also the metric of its name."""

ESTIMATORS = registry_of(
    TrainOptions, SyntheticOptions, SupernetOptions, TableOptions, *ZERO_COST.values()
)


def parse_estimator(text: str) -> EstimatorOptions:
    """Return the options that ``NAME[,option=value…]`` stands for.

    Raises:
        SettingsError: An unknown name or option, or a value that is not allowed.
    """
    return parse_choice(text, ESTIMATORS, what="estimator")
