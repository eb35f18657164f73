"""The code of docs/strategies.md that adds a sampler is code that works."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from study.common.choices import registry_of
from study.search_strategy import registry
from study.search_strategy.sampler import StrategyContext
from tests.search_strategy.landscapes import (
    CONDITIONAL,
    FLAT,
    assert_is_point,
    make_strategy,
    mixed,
    play,
    separable,
)

PAGE = Path(__file__).resolve().parents[2] / "docs" / "strategies.md"
NAME = "threshold_accepting"


@pytest.fixture(scope="module")
def blocks() -> tuple[str, str]:
    _, adding = PAGE.read_text("utf-8").split("## Adding one")
    first, second = re.findall(r"```python\n(.*?)```", adding, re.DOTALL)
    return first, second


@pytest.fixture
def registered(blocks: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType(NAME)
    monkeypatch.setitem(sys.modules, NAME, module)  # where pydantic looks up the annotations
    exec(compile(blocks[0], str(PAGE), "exec"), vars(module))
    added: tuple[Any, ...] = eval(f"({blocks[1]})", vars(module))
    samplers = registry_of(*registry.SAMPLERS.values(), *added)
    monkeypatch.setattr(registry, "SAMPLERS", samplers)


def test_it_takes_fewer_than_forty_lines(blocks: tuple[str, str]) -> None:
    assert sum(len(block.splitlines()) for block in blocks) < 40


@pytest.mark.usefixtures("registered")
def test_it_does_what_every_sampler_must() -> None:
    context = StrategyContext(space=CONDITIONAL, budget=40, seed=5)
    whole = play(make_strategy(NAME, context), CONDITIONAL, mixed, trials=40, seed=5)
    for observation in whole:
        assert_is_point(dict(observation.values), CONDITIONAL)
    strategy = make_strategy(f"{NAME},threshold=0.3", context)
    again = play(strategy, CONDITIONAL, mixed, trials=40, seed=5, known=whole[:17])
    assert again == whole


@pytest.mark.usefixtures("registered")
def test_it_beats_random_search() -> None:
    def best(name: str, seed: int) -> float:
        context = StrategyContext(space=FLAT, budget=100, seed=seed)
        played = play(make_strategy(name, context), FLAT, separable, trials=100, seed=seed)
        return max(o.scores[0] for o in played)

    wins = [best(NAME, seed) > best("random", seed) for seed in range(20)]
    assert sum(wins) >= 16
