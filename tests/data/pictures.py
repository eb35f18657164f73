"""Smooth pictures, as real ones are. Two of them are no twins by chance."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from study.data.resize import resampling_weights

Pictures = NDArray[np.uint8]


def pictures(count: int, *, size: int = 28, seed: int = 0) -> Pictures:
    """Return ``(count, size, size)`` enlarged 6 x 6 noise."""
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
