"""Small tables on disk, for tests of what is done with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

LAYERS, OPERATIONS = 4, ("identity", "narrow", "wide")

SPACE = "parameters:\n" + "".join(
    f"  layer{i}: {{type: categorical, choices: [{', '.join(OPERATIONS)}]}}\n"
    for i in range(1, LAYERS + 1)
)


def arrays(*, epochs: int = 3) -> dict[str, np.ndarray]:
    """Return a separable landscape of 81 points, two seeds and curves; the last point is best."""
    points = np.stack(np.unravel_index(np.arange(81), (3,) * LAYERS), axis=1)
    worth = 0.5 + points @ np.array([0.04, 0.03, 0.05, 0.06])
    noise = np.random.default_rng(0).normal(0, 0.004, size=(81, 2))
    values = worth[:, None] + noise
    rise = 1 - 0.5 * np.exp(-np.arange(1, epochs + 1))
    curves = values[:, :, None] * rise / rise[-1]
    return {
        "values": values,
        "curves": curves,
        "cost": 1.0 + points.sum(axis=1),
        "twins": np.arange(81),
        "parameters": 100 + points.sum(axis=1),
        "macs": 1000 + points.sum(axis=1),
    }


def write_table(folder: Path, name: str = "layers", /, **changes: Any) -> Path:
    """Write a table and its space, and return the table's path; None leaves an array out."""
    path = folder / f"{name}.npz"
    content = {k: v for k, v in {**arrays(), **changes}.items() if v is not None}
    np.savez(path, **content)
    path.with_suffix(".yaml").write_text(SPACE, encoding="utf-8")
    return path
