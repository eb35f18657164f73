"""Small data sets: files in MedMNIST's layout, and pictures."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from study.data.resize import resampling_weights

SHARED = Path(__file__).parents[3] / "shared" / "data"

Arrays = dict[str, NDArray[Any]]
Pictures = NDArray[np.uint8]


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


def pictures(count: int, *, size: int = 28, seed: int = 0) -> Pictures:
    """Return smooth pictures, ``(count, size, size)``: enlarged 6 x 6 noise.

    As of real images, two of them are no twins by chance.
    """
    generator = np.random.default_rng(seed)
    weights, total = resampling_weights(6, size)
    coarse = generator.integers(0, 256, (count, 6, 6))
    return np.rint(weights @ coarse @ weights.T / total**2).astype(np.uint8)


def with_noise(images: Pictures, sigma: float, *, seed: int = 1) -> Pictures:
    generator = np.random.default_rng(seed)
    noisy = images + generator.normal(0, sigma, images.shape)
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


def as_jpeg(image: Pictures, quality: int) -> Pictures:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "JPEG", quality=quality)
    with Image.open(stream) as reopened:
        return np.asarray(reopened)
