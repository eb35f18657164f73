"""Tests of study/common/choices.py."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.common.choices import Option, parse_choice
from study.common.errors import SettingsError

REGISTRY = {
    "plain": {},
    "asha": {
        "factor": Option(default=3, low=2, high=20, meaning="cut"),
        "share": Option(default=0.5, low=0.0, high=1.0, meaning="share"),
        "mode": Option(default="a", choices=("a", "b"), meaning="mode"),
    },
}


def test_options_not_given_have_their_defaults() -> None:
    assert parse_choice("asha", REGISTRY, what="pruner") == (
        "asha",
        {"factor": 3, "share": 0.5, "mode": "a"},
    )


def test_options_are_typed_like_their_defaults() -> None:
    _, values = parse_choice("asha, factor=4, share=1,mode=b", REGISTRY, what="pruner")
    assert values == {"factor": 4, "share": 1.0, "mode": "b"}
    assert isinstance(values["share"], float)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ahsa", "unknown pruner 'ahsa'; did you mean 'asha'?"),
        ("zzz", "unknown pruner 'zzz'; choose from: plain, asha"),
        ("plain,x=1", "pruner plain: x: unknown option; it has none"),
        ("asha,facto=1", "pruner asha: facto: unknown option; did you mean 'factor'?"),
        ("asha,factor", "pruner asha: factor: a value is missing; write factor=value"),
        ("asha,factor=1.5", "pruner asha: factor: expected a whole number, got '1.5'"),
        ("asha,share=much", "pruner asha: share: expected a number, got 'much'"),
        ("asha,share=nan", "pruner asha: share: nan is outside 0 to 1"),
        ("asha,factor=1", "pruner asha: factor: 1 is outside 2 to 20"),
        ("asha,mode=c", "pruner asha: mode: 'c'; choose from: a, b"),
        ("asha,factor=3,factor=4", "pruner asha: factor: given twice"),
    ],
)
def test_a_wrong_choice_is_refused_with_the_remedy(text: str, message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_choice(text, REGISTRY, what="pruner")
    assert str(caught.value) == message


@given(st.text())
def test_any_text_is_either_parsed_or_refused(text: str) -> None:
    try:
        name, values = parse_choice(text, REGISTRY, what="pruner")
    except SettingsError:
        return
    assert set(values) == set(REGISTRY[name])
