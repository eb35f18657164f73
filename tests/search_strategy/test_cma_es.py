from __future__ import annotations

import math
import sys
from dataclasses import replace

import numpy as np
import pytest

from study.common.errors import SettingsError
from study.search_space.candidate import Values
from study.search_space.parameter import FloatParameter, IntParameter
from study.search_space.space import SearchSpace
from study.search_strategy.sampler import StrategyContext
from study.search_strategy.samplers.cma_es import CmaEs
from tests.search_strategy.landscapes import CONDITIONAL, FLAT, complete, make_strategy, played

pytest.importorskip("cmaes", reason="the extra 'cmaes' is not installed")

NUMBERS = SearchSpace(
    name="numbers",
    parameters=(
        FloatParameter(name="learning_rate", low=1e-4, high=1.0, log=True),
        FloatParameter(name="dropout", low=0.0, high=0.6, step=0.1),
        IntParameter(name="conv_layers", low=1, high=9),
        FloatParameter(name="momentum", low=0.0, high=1.0),
    ),
)


def bowl(values: Values, _: np.random.Generator) -> float:
    """Return the negated squared distance from the best point."""
    return -(
        (math.log10(float(values["learning_rate"])) + 3) ** 2 / 4
        + (float(values["dropout"]) - 0.5) ** 2 * 4
        + (float(values["conv_layers"]) - 7) ** 2 / 16
        + (float(values["momentum"]) - 0.2) ** 2
    )


def test_it_finds_the_bottom_of_a_bowl() -> None:
    for seed in range(5):
        observations = played("cmaes", NUMBERS, bowl, trials=150, seed=seed)
        assert max(o.scores[0] for o in observations) > -0.01
        last = np.mean([o.scores[0] for o in observations[-20:]])
        assert last > np.mean([o.scores[0] for o in observations[:20]]) + 0.3


def test_trials_of_others_and_late_trials_do_not_change_its_generations() -> None:
    own = played("cmaes", NUMBERS, bowl, trials=40, seed=1)
    other = replace(complete(-1, own[0].values, 99.0), candidate_id="other")
    late = replace(own[0], number=41, scores=(99.0,))
    plain, disturbed = (
        make_strategy("cmaes", NUMBERS, seed=1)._state.over(seen).optimizer.mean  # type: ignore[attr-defined]
        for seen in (own, (other, *own, late))
    )
    assert np.array_equal(plain, disturbed)


def test_a_space_without_numbers_is_an_error() -> None:
    with pytest.raises(SettingsError, match="needs at least 2 numeric parameters"):
        make_strategy("cmaes", FLAT)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cmaes", None)
    with pytest.raises(SettingsError, match=r'pip install "study-nas\[cmaes\]"'):
        make_strategy("cmaes", NUMBERS)


def test_parameters_drawn_at_random_are_named() -> None:
    (warning,) = CmaEs().warnings(StrategyContext(space=CONDITIONAL))
    assert warning == "cmaes: learns numbers only; drawn at random: head, hidden_units, flip"
    assert CmaEs().warnings(StrategyContext(space=NUMBERS)) == ()
