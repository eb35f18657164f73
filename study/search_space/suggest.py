"""Search space + trial → values: the only place that calls ``trial.suggest_*``."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from study.search_space.candidate import Value
from study.search_space.space import (
    AnyParameter,
    CategoricalParameter,
    IntParameter,
    SearchSpace,
)

if TYPE_CHECKING:
    import optuna


def suggest(space: SearchSpace, trial: optuna.Trial) -> dict[str, Value]:
    """Return the trial's value of every active parameter, asked for in the space's order."""
    values: dict[str, Value] = {}
    for parameter in space.parameters:
        if space.is_active(parameter, values):
            values[parameter.name] = _suggest_one(parameter, trial)
    return values


def _suggest_one(parameter: AnyParameter, trial: optuna.Trial) -> Value:
    if isinstance(parameter, CategoricalParameter):
        choice = trial.suggest_categorical(parameter.name, parameter.choices)
        return cast(Value, choice)
    if isinstance(parameter, IntParameter):
        return trial.suggest_int(
            parameter.name, parameter.low, parameter.high, step=parameter.step, log=parameter.log
        )
    return trial.suggest_float(
        parameter.name, parameter.low, parameter.high, step=parameter.step, log=parameter.log
    )
