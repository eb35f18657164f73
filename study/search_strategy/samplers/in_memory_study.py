"""The history as an Optuna study in memory, for Optuna's samplers.

A sampler does not read the study's own storage: there it would see trials that other workers have
finished since, and it could write.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.storages import InMemoryStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from study.search_space.candidate import Values
from study.search_space.parameter import AnyParameter, CategoricalParameter, IntParameter
from study.search_space.space import SearchSpace
from study.search_strategy.samplers.incremental_state import shared_prefix
from study.search_strategy.strategy import History, Observation

STUDY_NAME = "history"
_LONG_AGO = datetime.datetime(2000, 1, 1)  # a trial must have a date; no sampler reads it
_STATES = {
    "complete": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
    "failed": TrialState.PRUNED,
}


class InMemoryStudy(InMemoryStorage):
    """A study in memory that follows a history. Every objective is maximised.

    A failed training appears as pruned before its first step, which Optuna ranks last. For
    samplers that read complete trials only, ``failed_as_worst`` makes it a complete trial with
    the worst score in every objective.
    """

    def __init__(self, space: SearchSpace, *, objectives: int, failed_as_worst: bool) -> None:
        super().__init__()
        with _without_log():
            self.study_id = self.create_new_study(
                [StudyDirection.MAXIMIZE] * objectives, STUDY_NAME
            )
        self.distributions = distributions(space)
        self._failed_as_worst = failed_as_worst
        self._seen: list[Observation] = []

    @contextmanager
    def asking(self, history: History) -> Iterator[FrozenTrial]:
        """Follow the history and yield the trial to be drawn, which is removed afterwards."""
        self._follow(history.observations)
        for values in history.running:
            self._append(_trial(TrialState.RUNNING, values, self.distributions))
        try:
            yield self._append(_trial(TrialState.RUNNING, {}, self.distributions))
        finally:
            self._cut(len(self._seen))

    def _follow(self, observations: Sequence[Observation]) -> None:
        shared = shared_prefix(self._seen, observations)
        self._cut(shared)
        del self._seen[shared:]
        for observation in observations[shared:]:
            self._append(_finished(observation, self.distributions))
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

    def _append(self, trial: FrozenTrial) -> FrozenTrial:
        trials = self._studies[self.study_id].trials
        trial.number = trial._trial_id = len(trials)
        self._trial_id_to_study_id_and_number[trial.number] = (self.study_id, trial.number)
        trials.append(trial)
        return trial

    def _cut(self, length: int) -> None:
        trials = self._studies[self.study_id].trials
        for trial in trials[length:]:
            del self._trial_id_to_study_id_and_number[trial.number]
        del trials[length:]


@contextmanager
def _without_log() -> Iterator[None]:
    """Suppress Optuna's message that a study was created: it is not in any storage."""
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(max(verbosity, optuna.logging.WARNING))
    try:
        yield
    finally:
        optuna.logging.set_verbosity(verbosity)


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


def _finished(observation: Observation, known: Mapping[str, BaseDistribution]) -> FrozenTrial:
    trial = _trial(_STATES[observation.outcome], observation.values, known)
    if observation.scores:
        trial.values = list(observation.scores)
    if observation.outcome == "pruned" and observation.step is not None:
        trial.intermediate_values = {observation.step: observation.scores[0]}
    return trial


def _trial(
    state: TrialState, values: Values, known: Mapping[str, BaseDistribution]
) -> FrozenTrial:
    return FrozenTrial(
        number=-1,
        trial_id=-1,
        state=state,
        value=None,
        datetime_start=_LONG_AGO,
        datetime_complete=None,
        params=dict(values),
        distributions={name: known[name] for name in values},
        user_attrs={},
        system_attrs={},
        intermediate_values={},
    )
