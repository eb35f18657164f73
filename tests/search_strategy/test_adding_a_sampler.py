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
from tests.search_strategy.landscapes import (
    CONDITIONAL,
    FLAT,
    assert_is_point,
    mixed,
    played,
    separable,
)

PAGE = Path(__file__).resolve().parents[2] / "docs" / "strategies.md"
NAME = "threshold_accepting"


@pytest.fixture
def blocks(monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """The code of the page, which is registered."""
    _, adding = PAGE.read_text("utf-8").split("## Adding one")
    first, second = re.findall(r"```python\n(.*?)```", adding, re.DOTALL)
    module = ModuleType(NAME)
    monkeypatch.setitem(sys.modules, NAME, module)  # where pydantic looks up the annotations
    exec(compile(first, str(PAGE), "exec"), vars(module))
    added: tuple[Any, ...] = eval(f"({second})", vars(module))
    samplers = registry_of(*registry.SAMPLERS.values(), *added)
    monkeypatch.setattr(registry, "SAMPLERS", samplers)
    return first, second


def test_fewer_than_forty_lines_do_what_every_sampler_must(blocks: tuple[str, str]) -> None:
    assert sum(len(block.splitlines()) for block in blocks) < 40
    whole = played(NAME, CONDITIONAL, mixed, trials=40, seed=5)
    for observation in whole:
        assert_is_point(observation.values, CONDITIONAL)
    text = f"{NAME},threshold=0.3"
    assert played(text, CONDITIONAL, mixed, trials=40, seed=5, known=whole[:17]) == whole


@pytest.mark.usefixtures("blocks")
def test_it_beats_random_search() -> None:
    def best(name: str, seed: int) -> float:
        return max(o.scores[0] for o in played(name, FLAT, separable, trials=100, seed=seed))

    assert sum(best(NAME, seed) > best("random", seed) for seed in range(20)) >= 16
