"""Imports point downwards only."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent / "study"

RANKS = (
    {"__init__", "errors"},
    {"options", "writing", "version", "processes", "stopping"},
    {"search_space", "objectives"},
    {"search_strategy", "network", "data"},
    {"performance_estimation"},
    {"records", "storage", "config"},
    {"lifecycle", "locks", "ledger", "settle", "stored_study", "checkpoints", "draw"},
    {"objective", "report", "surroundings", "dashboard"},
    {"worker"},
    {"assembly", "workers", "progress", "comparison"},
    {"runner", "evaluation", "worker_process"},
    {"overview"},
    {"cli"},
)
RANK = {name: rank for rank, names in enumerate(RANKS) for name in names}


def modules() -> list[Path]:
    return sorted(ROOT.rglob("*.py"))


def top(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported(path: Path) -> Iterator[str]:
    """Yield the study's modules imported at the top of a file, not those for types alone."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("study"):
            parts = (node.module or "").split(".")
            if len(parts) > 1:
                yield parts[1]
            else:
                yield from (alias.name for alias in node.names if alias.name in RANK)


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_downwards(path: Path) -> None:
    assert top(path) in RANK, f"give '{top(path)}' a rank in {Path(__file__).name}"
    above = [name for name in imported(path) if RANK[name] > RANK[top(path)]]
    assert not above


@pytest.mark.parametrize(
    ("folder", "forbidden"),
    [
        ("search_strategy", "performance_estimation"),
        ("performance_estimation", "search_strategy"),
    ],
)
def test_strategy_and_estimation_meet_only_in_the_objective(folder: str, forbidden: str) -> None:
    for path in (ROOT / folder).rglob("*.py"):
        assert f"study.{forbidden}" not in path.read_text(encoding="utf-8"), path


@pytest.mark.parametrize("path", sorted((ROOT / "search_space").rglob("*.py")), ids=str)
def test_a_search_space_loads_neither_torch_nor_optuna(path: Path) -> None:
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        assert not [n for n in names if n.split(".")[0] in ("torch", "optuna")]
