from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.common.choices import options_of
from study.common.errors import SettingsError
from study.search_strategy.registry import PRUNERS, SAMPLERS, parse_sampler
from study.search_strategy.sampler import StrategyContext
from tests.search_strategy.landscapes import FLAT

DOCS = Path(__file__).resolve().parents[2] / "docs"


@given(st.text(max_size=30))
def test_any_text_is_either_parsed_or_a_settings_error(text: str) -> None:
    with contextlib.suppress(SettingsError):
        assert parse_sampler(text).name in SAMPLERS


@pytest.mark.parametrize("name", SAMPLERS)
def test_two_objectives_need_a_sampler_that_supports_them(name: str) -> None:
    sampler, context = parse_sampler(name), StrategyContext(space=FLAT, objectives=2)
    refused = pytest.raises(SettingsError, match=f"sampler {name}: .*one objective")
    with contextlib.nullcontext() if sampler.multi_objective else refused:
        sampler.validate(context)


@pytest.mark.parametrize("name", [name for name in SAMPLERS if name != "cmaes"])
def test_an_ordinary_study_gets_no_warning(name: str) -> None:
    assert parse_sampler(name).warnings(StrategyContext(space=FLAT)) == ()


def test_gp_warns_of_what_it_cannot_learn() -> None:
    (warning,) = parse_sampler("gp").warnings(StrategyContext(space=FLAT, prunes=True))
    assert "pruned" in warning


@pytest.mark.parametrize(
    ("page", "registry"), [("strategies.md", SAMPLERS), ("pruners.md", PRUNERS)]
)
def test_the_page_has_the_table_of_options_that_the_classes_declare(
    page: str, registry: dict[str, type]
) -> None:
    text = (DOCS / page).read_text("utf-8")
    for name, cls in registry.items():
        assert f"`{name}`" in text
        for option, declared in options_of(cls).items():
            row = f"| `{name}` | `{option}` | {declared.default} | {declared.help} |"
            assert row in text, row
