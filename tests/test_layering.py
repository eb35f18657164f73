"""Imports point only downwards, so that every part can be read without what lies above it."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "study"

STRANGERS = frozenset({"search_strategy", "performance_estimation"})
HEAVY = frozenset({"torch", "optuna", "plotly", "sklearn", "medmnist"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """One import statement.

    Args:
        path: File, relative to the repository.
        line: Line, from 1.
        module: What is imported, with its dots.
        typing_only: It stands under ``if TYPE_CHECKING``.
    """

    path: Path
    line: int
    module: str
    typing_only: bool

    @property
    def importer(self) -> str:
        return _entry(self.path.parts[1])

    @property
    def imported(self) -> str:
        """The top-level entry of the package that is imported; empty for other packages."""
        head, _, rest = self.module.partition(".")
        return _entry(rest.partition(".")[0]) if head == PACKAGE.name else ""

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: imports {self.module}"


def _entry(name: str) -> str:
    """Return the name of a top-level entry; what the package itself gives is its ``__init__``."""
    name = name.removesuffix(".py")
    exists = (PACKAGE / name).is_dir() or (PACKAGE / f"{name}.py").is_file()
    return name if name and exists else "__init__"


def _imports(path: Path) -> Iterator[Import]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing_only = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.dump(block.test)
        for statement in block.body
        for node in ast.walk(statement)
    }
    for node in ast.walk(tree):
        for module in _modules(node):
            yield Import(
                path=path.relative_to(ROOT),
                line=getattr(node, "lineno", 0),
                module=module,
                typing_only=id(node) in typing_only,
            )


def _modules(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        assert node.level == 0, "imports are absolute: write from study.x import y"
        module = node.module or ""
        if module == PACKAGE.name:
            return [f"{module}.{alias.name}" for alias in node.names]
        return [module]
    return []


ALL_IMPORTS = [found for path in sorted(PACKAGE.rglob("*.py")) for found in _imports(path)]
INNER = [found for found in ALL_IMPORTS if found.imported]


def test_strategy_and_estimation_never_import_each_other() -> None:
    met = [str(found) for found in INNER if {found.importer, found.imported} == STRANGERS]
    assert not met, "they meet in objective.py and runner.py only:\n" + "\n".join(met)


def test_the_search_space_imports_neither_torch_nor_optuna_but_for_types() -> None:
    heavy = [
        str(found)
        for found in ALL_IMPORTS
        if found.importer == "search_space"
        and found.module.partition(".")[0] in HEAVY
        and not found.typing_only
    ]
    assert not heavy, "\n".join(heavy)


def test_yaml_is_read_in_one_place() -> None:
    readers = {str(f.path) for f in ALL_IMPORTS if f.module.partition(".")[0] == "yaml"}
    assert readers == {"study/search_space/reading/yaml_document.py"}


def test_trials_are_asked_for_values_in_one_place() -> None:
    askers = {
        str(path.relative_to(ROOT))
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr.startswith("suggest_")
    }
    assert askers == {"study/search_space/parameter.py"}


@pytest.mark.parametrize(
    "module",
    ["study", "study.search_space.reading.loading", "study.search_space.summary.summary"],
)
def test_a_space_is_read_and_summarised_without_torch_and_optuna(module: str) -> None:
    code = f"import sys, {module}; print(sorted({set(HEAVY)!r} & set(sys.modules)))"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert run.stdout.strip() == "[]"
