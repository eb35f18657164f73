"""Optuna's samplers as strategies: a new sampler reads the history and is asked once.

The generator of each sampler is derived from the sequence index, so the proposal is the same after
a restart and in any process. Samplers that keep their state in the storage do not work this way:
``nsga2`` and ``cmaes`` are the project's own.

The sampler reads the history as a study in memory, not the study's own storage. There it would see
trials that other workers have finished since, and it could write.
"""

from __future__ import annotations

import datetime
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import BaseSampler, GPSampler, TPESampler
from optuna.storages import InMemoryStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from study.search_space.candidate import Value, Values
from study.search_space.parameter import (
    AnyParameter,
    CategoricalParameter,
    FloatParameter,
    IntParameter,
)
from study.search_space.space import SearchSpace
from study.search_strategy.sampler import StrategyContext
from study.search_strategy.samplers.model_based import Gp, Tpe
from study.search_strategy.strategy import History, Observation, Proposal, shared_prefix

STUDY_NAME = "history"
_LONG_AGO = datetime.datetime(2000, 1, 1)  # a trial must have a date; no sampler reads it
_STATES = {
    "complete": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
    "failed": TrialState.PRUNED,
}


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
            return Proposal(values=self._walk(study, trial, history.space))

    def _walk(
        self, study: optuna.Study, trial: FrozenTrial, space: SearchSpace
    ) -> dict[str, Value]:
        sampler = study.sampler
        sampler.before_trial(study, trial)
        relative_space = sampler.infer_relative_search_space(study, trial)
        relative = sampler.sample_relative(study, trial, relative_space)
        values: dict[str, Value] = {}
        for parameter in space.parameters:
            if not space.is_active(parameter, values):
                continue
            name, distribution = parameter.name, self._study.distributions[parameter.name]
            if distribution.single():
                (values[name],) = parameter.values() or ()
            elif name in relative:
                values[name] = _on_step(parameter, relative[name])
            else:
                value = sampler.sample_independent(study, trial, name, distribution)
                values[name] = _on_step(parameter, value)
        return values


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


class InMemoryStudy(InMemoryStorage):
    """A study in memory that follows a history. Every objective is maximised.

    A failed training appears as pruned before its first step, which Optuna ranks last. For
    samplers that read complete trials only, ``failed_as_worst`` makes it a complete trial with
    the worst score in every objective.
    """

    def __init__(self, space: SearchSpace, *, objectives: int, failed_as_worst: bool) -> None:
        super().__init__()
        verbosity = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.CRITICAL)  # not to report the new study
        self.study_id = self.create_new_study([StudyDirection.MAXIMIZE] * objectives, STUDY_NAME)
        optuna.logging.set_verbosity(verbosity)
        self.distributions = distributions(space)
        self._failed_as_worst = failed_as_worst
        self._seen: list[Observation] = []

    @contextmanager
    def asking(self, history: History) -> Iterator[FrozenTrial]:
        """Follow the history and yield the trial to be drawn, which is removed afterwards."""
        self._follow(history.observations)
        for values in history.running:
            self._append(TrialState.RUNNING, values)
        try:
            yield self._append(TrialState.RUNNING, {})
        finally:
            self._truncate(len(self._seen))

    def _follow(self, observations: Sequence[Observation]) -> None:
        shared = shared_prefix(self._seen, observations)
        self._truncate(shared)
        del self._seen[shared:]
        for observation in observations[shared:]:
            trial = self._append(_STATES[observation.outcome], observation.values)
            if observation.scores:
                trial.values = list(observation.scores)
            if observation.outcome == "pruned" and observation.step is not None:
                trial.intermediate_values = {observation.step: observation.scores[0]}
            self._seen.append(observation)
        if self._failed_as_worst:
            self._give_failed_the_worst()

    def _give_failed_the_worst(self) -> None:
        scores = [o.scores for o in self._seen if o.outcome == "complete"]
        if not scores:
            return
        worst = [min(column) for column in zip(*scores, strict=True)]
        trials = self._studies[self.study_id].trials
        for trial, observation in zip(trials, self._seen, strict=True):
            if observation.outcome == "failed":
                trial.state, trial.values = TrialState.COMPLETE, worst

    def _append(self, state: TrialState, values: Values) -> FrozenTrial:
        trials = self._studies[self.study_id].trials
        number = len(trials)
        trial = FrozenTrial(
            number=number,
            trial_id=number,
            state=state,
            value=None,
            datetime_start=_LONG_AGO,
            datetime_complete=None,
            params=dict(values),
            distributions={name: self.distributions[name] for name in values},
            user_attrs={},
            system_attrs={},
            intermediate_values={},
        )
        self._trial_id_to_study_id_and_number[number] = (self.study_id, number)
        trials.append(trial)
        return trial

    def _truncate(self, length: int) -> None:
        trials = self._studies[self.study_id].trials
        for trial in trials[length:]:
            del self._trial_id_to_study_id_and_number[trial.number]
        del trials[length:]


def distributions(space: SearchSpace) -> dict[str, BaseDistribution]:
    """Return Optuna's description of every parameter, in the space's order."""
    return {parameter.name: _distribution(parameter) for parameter in space.parameters}


def _distribution(parameter: AnyParameter) -> BaseDistribution:
    if isinstance(parameter, CategoricalParameter):
        return CategoricalDistribution(parameter.choices)
    values = parameter.values()
    high = values[-1] if values else parameter.high  # Optuna warns of a high off the step
    if isinstance(parameter, IntParameter):
        return IntDistribution(parameter.low, int(high), parameter.log, parameter.step)
    return FloatDistribution(parameter.low, float(high), parameter.log, parameter.step)
