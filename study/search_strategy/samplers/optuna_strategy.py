"""Optuna's samplers as strategies: a new sampler reads the history and is asked once.

The generator of each sampler is derived from the sequence index, so the proposal is the same after
a restart and in any process. Samplers that keep their state in the storage do not work this way:
``nsga2`` and ``cmaes`` are the project's own.
"""

from __future__ import annotations

import warnings

import numpy as np
import optuna
from optuna.samplers import BaseSampler, GPSampler, TPESampler
from optuna.trial import FrozenTrial

from study.search_space.candidate import Value
from study.search_space.parameter import AnyParameter, FloatParameter
from study.search_strategy.sampler import StrategyContext
from study.search_strategy.samplers.in_memory_study import STUDY_NAME, InMemoryStudy
from study.search_strategy.samplers.model_based import Gp, Tpe
from study.search_strategy.strategy import History, Proposal


class OptunaStrategy:
    """Asks one of Optuna's samplers."""

    def __init__(self, options: Tpe | Gp, context: StrategyContext) -> None:
        self._options = options
        self._study = InMemoryStudy(
            context.space,
            objectives=context.objectives,
            failed_as_worst=isinstance(options, Gp) or context.objectives > 1,
        )

    def propose(self, history: History, rng: np.random.Generator) -> Proposal:
        sampler = _optuna_sampler(self._options, int(rng.integers(2**31)))
        with self._study.asking(history) as trial:
            study = optuna.load_study(study_name=STUDY_NAME, storage=self._study, sampler=sampler)
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
            name, distribution = parameter.name, self._study.distributions[parameter.name]
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
    """Return 0.3 for 0.30000000000000004 (low + 3 · step), so that equal candidates are equal."""
    if not isinstance(parameter, FloatParameter):
        return value
    number = float(value)
    values = parameter.values()
    return number if values is None else min(values, key=lambda known: abs(known - number))


def _optuna_sampler(options: Tpe | Gp, seed: int) -> BaseSampler:
    """Return Optuna's sampler for one proposal.

    The kernel of ``gp`` is fitted from the start at every ask. A kernel kept from ask to ask would
    make the answer depend on the process.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        if isinstance(options, Gp):
            return GPSampler(
                seed=seed,
                n_startup_trials=options.n_startup_trials,
                warn_independent_sampling=False,
            )
        return TPESampler(
            seed=seed,
            multivariate=options.multivariate,
            group=options.multivariate and options.group,
            constant_liar=options.constant_liar,
            n_startup_trials=options.n_startup_trials,
            n_ei_candidates=options.n_ei_candidates,
        )
