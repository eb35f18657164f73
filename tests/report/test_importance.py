from __future__ import annotations

import optuna
import pytest

from study.report.importance import FEWEST_TRIALS, parameter_importance


def searched(trials: int, directions: int = 1) -> optuna.Study:
    """Return a study in which ``strong`` decides, ``weak`` does not, and one is conditional."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.RandomSampler(seed=0)
    study = optuna.create_study(directions=["maximize"] * directions, sampler=sampler)

    def objective(trial: optuna.Trial) -> float | tuple[float, ...]:
        strong = trial.suggest_float("strong", 0, 1)
        trial.suggest_float("weak", 0, 1)
        trial.suggest_categorical("fixed", ["only"])
        if strong > 0.5:
            trial.suggest_int("conditional", 1, 3)
        return (strong,) * directions if directions > 1 else strong

    study.optimize(objective, n_trials=trials)
    return study


def test_what_decides_is_the_most_important() -> None:
    shares = parameter_importance(searched(60))
    assert list(shares) == ["strong", "weak"]
    assert sum(shares.values()) == pytest.approx(1)
    assert shares["strong"] > 0.8


def test_the_same_trials_have_the_same_importance() -> None:
    assert parameter_importance(searched(30)) == parameter_importance(searched(30))


def test_too_few_trials_have_none() -> None:
    assert parameter_importance(searched(FEWEST_TRIALS - 1)) == {}
    assert parameter_importance(searched(0)) == {}


def test_two_objectives_have_none() -> None:
    assert parameter_importance(searched(20, directions=2)) == {}
