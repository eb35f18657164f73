"""Optuna's samplers as strategies: rebuilt for every proposal, shown the history, asked once.

A fresh sampler whose generator is derived from the place has nothing to lose in a crash, so the
answer is the same after a restart and in any process. Samplers that keep their state in the
storage would find none: ``nsga2`` and ``cmaes`` are the project's own.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import optuna
from optuna.samplers import BaseSampler, GPSampler, TPESampler
from optuna.trial import FrozenTrial

from study.search_space.candidate import Value
from study.search_space.space import AnyParameter, FloatParameter
from study.search_strategy.sampler_spec import Chosen, StrategyContext
from study.search_strategy.samplers.in_memory_study import STUDY_NAME, InMemoryStudy
from study.search_strategy.strategy import History, Proposal

BuildSampler = Callable[[int], BaseSampler]


class OptunaStrategy:
    """Asks a sampler of Optuna's.

    Args:
        build: Returns the sampler for a seed.
        context: What the study is.
        failed_as_worst: How failed trainings are shown, see ``InMemoryStudy``.
    """

    def __init__(
        self, build: BuildSampler, context: StrategyContext, *, failed_as_worst: bool
    ) -> None:
        self._build = build
        self._mirror = InMemoryStudy(
            context.space, objectives=context.objectives, failed_as_worst=failed_as_worst
        )

    def propose(self, history: History, rng: np.random.Generator) -> Proposal:
        """Return what the sampler suggests, parameter by parameter as in a trial."""
        sampler = self._build(int(rng.integers(2**31)))
        with self._mirror.asking(history) as trial:
            study = optuna.load_study(study_name=STUDY_NAME, storage=self._mirror, sampler=sampler)
            return Proposal(values=self._walk(study, trial, history))

    def _walk(self, study: optuna.Study, trial: FrozenTrial, history: History) -> dict[str, Value]:
        sampler, space = study.sampler, history.space
        sampler.before_trial(study, trial)
        relative_space = sampler.infer_relative_search_space(study, trial)
        relative = sampler.sample_relative(study, trial, relative_space)
        values: dict[str, Value] = {}
        for parameter in space.parameters:
            if not space.is_active(parameter, values):
                continue
            name, distribution = parameter.name, self._mirror.distributions[parameter.name]
            if distribution.single():
                values[name] = _only_value(parameter)
            elif name in relative:
                values[name] = _on_step(parameter, relative[name])
            else:
                value = sampler.sample_independent(study, trial, name, distribution)
                values[name] = _on_step(parameter, value)
        return values


def _only_value(parameter: AnyParameter) -> Value:
    values = parameter.values()
    if not values:
        message = f"{parameter.name} has no countable values"
        raise ValueError(message)
    return values[0]


def _on_step(parameter: AnyParameter, value: Value) -> Value:
    """Return 0.3 for the 0.30000000000000004 that low + 3 · step gives: twins must be equal."""
    if not isinstance(parameter, FloatParameter):
        return value
    number = float(value)
    values = parameter.values()
    return number if values is None else min(values, key=lambda known: abs(known - number))


def tpe(context: StrategyContext, chosen: Chosen) -> OptunaStrategy:
    """Return the tree-structured Parzen estimator (Bergstra et al. 2011; Watanabe, 2304.11127)."""
    multivariate = chosen["multivariate"] == "true"

    def build(seed: int) -> BaseSampler:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return TPESampler(
                seed=seed,
                multivariate=multivariate,
                group=multivariate and chosen["group"] == "true",
                constant_liar=chosen["constant_liar"] == "true",
                n_startup_trials=int(chosen["n_startup_trials"]),
                n_ei_candidates=int(chosen["n_ei_candidates"]),
            )

    return OptunaStrategy(build, context, failed_as_worst=context.objectives > 1)


def gp(context: StrategyContext, chosen: Chosen) -> OptunaStrategy:
    """Return Optuna's Gaussian process with expected improvement.

    Its kernel is fitted from the start at every ask; what Optuna keeps from ask to ask would make
    the answer depend on the process.
    """

    def build(seed: int) -> BaseSampler:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return GPSampler(
                seed=seed,
                n_startup_trials=int(chosen["n_startup_trials"]),
                warn_independent_sampling=False,
            )

    return OptunaStrategy(build, context, failed_as_worst=True)
