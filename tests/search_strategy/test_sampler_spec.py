from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.errors import SettingsError
from study.search_strategy.sampler_spec import Setup, read_choice
from study.search_strategy.samplers import SAMPLERS, make_strategy
from tests.search_strategy.landscapes import FLAT


def test_a_name_alone_has_every_default() -> None:
    choice = read_choice("tpe", SAMPLERS)
    assert choice.options == {k: o.default for k, o in SAMPLERS["tpe"].options.items()}


def test_options_are_read_by_their_kind() -> None:
    choice = read_choice("tpe, n_startup_trials=20 ,group=false", SAMPLERS)
    assert choice.options["n_startup_trials"] == 20
    assert choice.options["group"] is False


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tpee", "unknown sampler 'tpee'; did you mean 'tpe'?"),
        ("", "unknown sampler ''; known: "),
        ("tpe:fast", "unknown variant of tpe 'fast'; known: none"),
        ("tpe,n_startup=3", "did you mean 'n_startup_trials'?"),
        ("tpe,n_startup_trials=many", "write a whole number, as 10"),
        ("tpe,n_startup_trials=0", "write a number from 1 to 1e+09"),
        ("tpe,group=no", "write true or false"),
        ("tpe,group", "write true or false"),
    ],
)
def test_what_cannot_be_read_is_explained(text: str, message: str) -> None:
    with pytest.raises(SettingsError) as error:
        read_choice(text, SAMPLERS)
    assert message in str(error.value)


@given(st.text(max_size=30))
def test_no_text_ends_in_anything_but_a_clear_error(text: str) -> None:
    with contextlib.suppress(SettingsError):
        assert read_choice(text, SAMPLERS).name in SAMPLERS


@pytest.mark.parametrize("name", [n for n, s in SAMPLERS.items() if not s.multi_objective])
def test_a_sampler_of_one_objective_refuses_two(name: str) -> None:
    with pytest.raises(SettingsError, match="has one objective, not 2; take one of"):
        make_strategy(name, Setup(space=FLAT, objectives=2))
