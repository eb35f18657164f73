"""Samplers that fit a model of the results: their options, and when to use which.

Their strategies are in ``surrogate.py`` and ``optuna_strategy.py``, which import scipy and Optuna.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field
from pydantic.dataclasses import dataclass

from study.search_strategy.sampler import Sampler, StrategyContext
from study.search_strategy.strategy import Strategy

Startup = Annotated[int, Field(ge=1, description="random trials first (Optuna's default)")]
OPTUNA_STRATEGY = "study.search_strategy.samplers.optuna_strategy:OptunaStrategy"


@dataclass(frozen=True, kw_only=True)
class Surrogate(Sampler):
    """A Gaussian process ranks neighbours of the best; strong from the start."""

    name: ClassVar[str] = "surrogate"
    implementation: ClassVar[str] = "study.search_strategy.samplers.surrogate:SurrogateStrategy"
    start: Annotated[int, Field(ge=1, le=100_000, description="quasi-random points first")] = 8
    bound: Annotated[
        float, Field(ge=0.0, le=100.0, description="standard deviations in the upper bound")
    ] = 1.5


@dataclass(frozen=True, kw_only=True)
class Tpe(Sampler):
    """Optuna's tree-structured Parzen estimator; works in every space.

    Bergstra et al. 2011; Watanabe, 2304.11127.
    """

    name: ClassVar[str] = "tpe"
    implementation: ClassVar[str] = OPTUNA_STRATEGY
    multi_objective: ClassVar[bool] = True
    n_startup_trials: Startup = 10
    n_ei_candidates: Annotated[
        int, Field(ge=1, description="draws to choose from (Optuna's default)")
    ] = 24
    multivariate: Annotated[bool, Field(description="model parameters together")] = True
    group: Annotated[
        bool, Field(description="model each set of parameters that are active together")
    ] = True
    constant_liar: Annotated[bool, Field(description="keep away from candidates in training")] = (
        True
    )


@dataclass(frozen=True, kw_only=True)
class Gp(Sampler):
    """Optuna's Gaussian process; for small spaces without conditions or pruning."""

    name: ClassVar[str] = "gp"
    implementation: ClassVar[str] = OPTUNA_STRATEGY
    multi_objective: ClassVar[bool] = True
    n_startup_trials: Startup = 10

    def warnings(self, context: StrategyContext) -> tuple[str, ...]:
        if context.prunes:
            return ("gp: learns from complete trials only, not from pruned ones; try auto",)
        if any(parameter.when for parameter in context.space.parameters):
            return ("gp: cannot learn conditional parameters and draws them at random; try auto",)
        return ()


@dataclass(frozen=True, kw_only=True)
class Auto(Sampler):
    """The default choice: surrogate, or tpe with several objectives.

    With one objective, surrogate is ahead of TPE on a table and on closed forms, and level with
    Optuna's GP, which learns neither conditions nor pruned trials and costs far more per ask.
    Surrogate has no form for several objectives. There TPE is ahead of ``nsga2`` up to 150 trials.
    """

    name: ClassVar[str] = "auto"
    multi_objective: ClassVar[bool] = True

    def build(self, context: StrategyContext) -> Strategy:
        sampler: Sampler = Surrogate() if context.objectives == 1 else Tpe()
        return sampler.make(context)
