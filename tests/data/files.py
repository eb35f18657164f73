"""Small files in MedMNIST's layout."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

SHARED = Path(__file__).parents[3] / "shared" / "data"

Arrays = dict[str, NDArray[Any]]


def medmnist_arrays(
    *, counts: tuple[int, int, int] = (40, 12, 9), size: int = 8, channels: int = 1, seed: int = 0
) -> Arrays:
    """Random images of three classes, as MedMNIST lays them out."""
    generator = np.random.default_rng(seed)
    shape = (size, size) if channels == 1 else (size, size, channels)
    arrays: Arrays = {}
    for part, count in zip(("train", "val", "test"), counts, strict=True):
        arrays[f"{part}_images"] = generator.integers(0, 256, (count, *shape), dtype=np.uint8)
        arrays[f"{part}_labels"] = (np.arange(count) % 3).astype(np.uint8)[:, None]
    return arrays


def write_npz(path: Path, arrays: Arrays) -> Path:
    """Write arrays compressed, as MedMNIST's files are."""
    np.savez_compressed(path, **arrays)  # type: ignore[arg-type]
    return path
