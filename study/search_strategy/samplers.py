"""Every sampler there is, by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from study.errors import SettingsError
from study.search_strategy.fixed_sequence import grid, quasi_random, refuse_grid
from study.search_strategy.history import Strategy
from study.search_strategy.random_search import RandomSearch
from study.search_strategy.sampler_spec import (
    Option,
    SamplerChoice,
    SamplerSpec,
    Setup,
    read_choice,
)


def _random(_: Setup, __: SamplerChoice) -> Strategy:
    return RandomSearch()


def _tpe(setup: Setup, choice: SamplerChoice) -> Strategy:
    from study.search_strategy.optuna_strategy import tpe

    return tpe(setup, choice)


SAMPLERS: Mapping[str, SamplerSpec] = MappingProxyType(
    {
        "random": SamplerSpec(
            summary="every parameter at random; the baseline",
            build=_random,
            multi_objective=True,
        ),
        "grid": SamplerSpec(
            summary="every point of the grid once, in shuffled order",
            build=grid,
            countable=True,
            multi_objective=True,
            refuse=refuse_grid,
        ),
        "qmc": SamplerSpec(
            summary="a scrambled Sobol' sequence: spread more evenly than random points",
            build=quasi_random,
            multi_objective=True,
        ),
        "tpe": SamplerSpec(
            summary="Optuna's tree-structured Parzen estimator; at home in every space",
            build=_tpe,
            multi_objective=True,
            options={
                "n_startup_trials": Option(
                    kind="int", default=10, low=1, meaning="random trials first (Optuna's 10)"
                ),
                "n_ei_candidates": Option(
                    kind="int", default=24, low=1, meaning="draws to choose from (Optuna's 24)"
                ),
                "multivariate": Option(
                    kind="bool", default=True, meaning="model parameters together"
                ),
                "group": Option(
                    kind="bool", default=True, meaning="model conditional parameters by group"
                ),
                "constant_liar": Option(
                    kind="bool", default=True, meaning="keep away from running candidates"
                ),
            },
        ),
    }
)


def make_strategy(text: str, setup: Setup) -> Strategy:
    """Return the strategy that ``NAME[:VARIANT][,option=value…]`` names, for a study.

    Raises:
        SettingsError: The text cannot be read, or the study cannot have this sampler.
    """
    choice = read_choice(text, SAMPLERS)
    spec = SAMPLERS[choice.name]
    if setup.objectives > 1 and not spec.multi_objective:
        able = ", ".join(name for name, other in SAMPLERS.items() if other.multi_objective)
        message = f"{choice.name} has one objective, not {setup.objectives}; take one of: {able}"
        raise SettingsError(message)
    if reason := spec.refuse(setup):
        raise SettingsError(reason)
    return spec.build(setup, choice)


def sampler_warnings(text: str, setup: Setup) -> tuple[str, ...]:
    """Return what the user should know before such a study starts.

    Raises:
        SettingsError: The text cannot be read.
    """
    warning = SAMPLERS[read_choice(text, SAMPLERS).name].warn(setup)
    return () if warning is None else (warning,)
