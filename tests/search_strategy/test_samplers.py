from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.common.errors import SettingsError
from study.search_strategy.registry import (
    SAMPLERS,
    make_strategy,
    parse_sampler,
    sampler_warnings,
)
from study.search_strategy.sampler_spec import StrategyContext
from tests.search_strategy.landscapes import FLAT


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_name_alone_has_every_default(name: str) -> None:
    _, chosen = parse_sampler(name)
    assert chosen == {key: option.default for key, option in SAMPLERS[name].options.items()}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tpee", "unknown sampler 'tpee'; did you mean 'tpe'?"),
        ("tpe,n_startup=3", "did you mean 'n_startup_trials'?"),
        ("tpe,group=no", "choose from: true, false"),
    ],
)
def test_what_cannot_be_read_is_explained(text: str, message: str) -> None:
    with pytest.raises(SettingsError) as error:
        parse_sampler(text)
    assert message in str(error.value)


@given(st.text(max_size=30))
def test_no_text_ends_in_anything_but_a_clear_error(text: str) -> None:
    with contextlib.suppress(SettingsError):
        assert parse_sampler(text)[0] in SAMPLERS


def test_two_objectives_need_a_sampler_that_has_them() -> None:
    for name, spec in SAMPLERS.items():
        if spec.multi_objective:
            continue
        with pytest.raises(SettingsError, match="has one objective, not 2; choose from: random"):
            make_strategy(name, StrategyContext(space=FLAT, objectives=2))


@pytest.mark.parametrize("name", [name for name in SAMPLERS if name != "cmaes"])
def test_an_ordinary_study_gets_no_warning(name: str) -> None:
    assert sampler_warnings(name, StrategyContext(space=FLAT)) == ()
