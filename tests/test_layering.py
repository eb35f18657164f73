"""Rules that import-linter cannot check: single readers, and modules without heavy libraries.

The layers are import-linter contracts in ``pyproject.toml``; ``make check`` checks them.
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "study"

TRAINING = {"torch", "torchvision", "optuna", "plotly", "sklearn", "medmnist"}
LIGHT: Mapping[str, set[str]] = {
    "study": {*TRAINING, "pydantic", "scipy"},
    "study.search_space.space": {*TRAINING, "pydantic", "scipy"},
    "study.search_space.reading.loading": TRAINING,
    "study.search_strategy.registry": {*TRAINING, "scipy"},
    "study.performance_estimation.registry": {*TRAINING, "scipy"},
    "study.data.sources": TRAINING,
    "study.settings.problem": TRAINING,
    "study.cli": TRAINING,
    "study.report.data_formats": {"torch", "plotly", "medmnist", "sklearn"},
}
"""Modules, in the order in which one process imports them, and what they must not load."""

CHECK = "check seed --dataset octmnist"
"""A command that runs after the import of ``study.cli`` and must load no more."""


@cache
def loaded() -> Mapping[str, list[str]]:
    """Return the packages that are loaded after each import, in one new process."""
    code = (
        "import contextlib, importlib, io, json, sys\n"
        "loaded = {}\n"
        f"for name in {list(LIGHT)!r}:\n"
        "    importlib.import_module(name)\n"
        "    if name == 'study.cli':\n"
        "        with contextlib.redirect_stdout(io.StringIO()):\n"
        f"            assert sys.modules[name].main({CHECK.split()!r}) == 0\n"
        "    loaded[name] = sorted(name for name in sys.modules if '.' not in name)\n"
        "print(json.dumps(loaded))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    found: Mapping[str, list[str]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("module", LIGHT)
def test_a_light_module_loads_no_heavy_library(module: str) -> None:
    assert not LIGHT[module] & set(loaded()[module])


@cache
def _trees() -> Mapping[str, ast.Module]:
    paths = PACKAGE.rglob("*.py")
    return {str(p.relative_to(ROOT)): ast.parse(p.read_text(encoding="utf-8")) for p in paths}


def _packages(node: ast.AST) -> set[str]:
    """Return the packages that a statement imports from."""
    if isinstance(node, ast.Import):
        return {alias.name.partition(".")[0] for alias in node.names}
    return {(node.module or "").partition(".")[0]} if isinstance(node, ast.ImportFrom) else set()


def test_yaml_is_read_in_one_place() -> None:
    readers = {
        path
        for path, tree in _trees().items()
        for node in ast.walk(tree)
        if "yaml" in _packages(node)
    }
    assert readers == {"study/search_space/reading/yaml_document.py"}


def test_trials_are_asked_for_values_in_one_place() -> None:
    askers = {
        path
        for path, tree in _trees().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr.startswith("suggest_")
    }
    assert askers == {"study/search_space/parameter.py"}
