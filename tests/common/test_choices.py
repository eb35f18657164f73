from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field
from pydantic.dataclasses import dataclass

from study.common.choices import (
    Option,
    options_of,
    parse_choice,
    registry_of,
    split_choice,
    split_choices,
)
from study.common.errors import SettingsError


@dataclass(frozen=True, kw_only=True)
class Plain:
    """Nothing to choose."""

    name: ClassVar[str] = "plain"


@dataclass(frozen=True, kw_only=True)
class Asha:
    """Keeps the best.

    More about it.
    """

    name: ClassVar[str] = "asha"
    factor: Annotated[int, Field(ge=2, le=20, description="the cut")] = 3
    share: Annotated[float, Field(ge=0.0, le=1.0)] = 0.5
    mode: Literal["a", "b"] = "a"
    fast: bool = True


REGISTRY = registry_of(Plain, Asha)


def test_options_not_given_have_their_defaults() -> None:
    assert parse_choice("asha", REGISTRY, what="pruner") == Asha()


def test_options_get_the_types_of_their_fields() -> None:
    asha = parse_choice("asha, factor=4, share=1,mode=b,fast=false", REGISTRY, what="pruner")
    assert asha == Asha(factor=4, share=1.0, mode="b", fast=False)
    assert isinstance(asha, Asha)
    assert isinstance(asha.share, float)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ahsa", ["unknown pruner 'ahsa'", "did you mean 'asha'?"]),
        ("zzz", ["unknown pruner 'zzz'", "choose from: plain, asha"]),
        ("plain,x=1", ["pruner plain: x: unknown option", "it has none"]),
        ("asha,facto=1", ["pruner asha: facto: unknown option", "did you mean 'factor'?"]),
        ("asha,factor", ["pruner asha: factor: a value is missing", "factor=value"]),
        ("asha,factor=1.5", ["pruner asha: factor", "integer", "'1.5'"]),
        ("asha,share=much", ["pruner asha: share", "number", "'much'"]),
        ("asha,share=nan", ["pruner asha: share", "'nan'"]),
        ("asha,factor=1", ["pruner asha: factor", "greater than or equal to 2", "'1'"]),
        ("asha,mode=c", ["pruner asha: mode", "'a' or 'b'", "'c'"]),
        ("asha,fast=x", ["pruner asha: fast", "boolean", "'x'"]),
        ("asha,factor=3,factor=4", ["pruner asha: factor: given twice"]),
        ("asha,factor=1,share=2", ["pruner asha: factor", "pruner asha: share"]),
    ],
)
def test_a_wrong_choice_says_where_what_and_what_to_do(text: str, words: list[str]) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_choice(text, REGISTRY, what="pruner")
    assert all(word in str(caught.value) for word in words), caught.value


@given(st.text())
def test_any_text_is_either_parsed_or_a_settings_error(text: str) -> None:
    try:
        choice = parse_choice(text, REGISTRY, what="pruner")
    except SettingsError:
        return
    assert choice == REGISTRY[choice.name]()


def test_a_split_choice_has_the_given_options_only() -> None:
    assert split_choice("asha, factor=4", what="pruner") == ("asha", {"factor": "4"})


def test_options_come_from_the_class() -> None:
    assert options_of(Asha)["factor"] == Option(default=3, help="the cut")
    assert options_of(Plain) == {}


def test_a_registry_is_read_only() -> None:
    with pytest.raises(TypeError):
        REGISTRY["other"] = Plain  # type: ignore[index]


def test_options_belong_to_the_name_before_them() -> None:
    text = "tpe, evolution,population=10,sample=3,random,tpe,n_startup_trials=5"
    assert split_choices(text, flag="--samplers", example="tpe,evolution") == (
        "tpe",
        "evolution,population=10,sample=3",
        "random",
        "tpe,n_startup_trials=5",
    )


@pytest.mark.parametrize("text", ["", "tpe,,random", "a=1", "tpe,tpe"])
def test_a_list_with_gaps_or_repeats_is_an_error(text: str) -> None:
    with pytest.raises(SettingsError, match="--samplers"):
        split_choices(text, flag="--samplers", example="tpe,evolution")
