"""Tiny studies that really train, for tests of what follows a search."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np

from study.confirmation.retraining import Resources
from study.running.study_runner import run_study
from study.settings.run_context import RunContext
from study.settings.study_settings import StudySettings
from tests.data.files import Arrays, pictures, write_npz
from tests.studies import settings

SPACE = """\
name: tiny
parameters:
  conv_layers: 1
  channels: {type: categorical, choices: [4, 6, 8]}
  hidden_units: 16
  learning_rate: 0.02
  batch_size: 20
  epochs: 4
"""


def learnable(*, test_images: int = 30) -> Arrays:
    """Return three overlapping classes of 8 x 8 images that differ in brightness."""
    counts = {"train": 120, "val": 45, "test": test_images}
    images = pictures(sum(counts.values()), size=8, seed=5).astype(float)
    arrays: Arrays = {}
    start = 0
    for part, count in counts.items():
        labels = (np.arange(count) % 3).astype(np.uint8)
        shifted = images[start : start + count] * 0.8 + 22.0 * labels[:, None, None]
        arrays[f"{part}_images"] = np.clip(shifted, 0, 255).astype(np.uint8)
        arrays[f"{part}_labels"] = labels[:, None]
        start += count
    return arrays


def tiny(folder: Path, **changes: Any) -> StudySettings:
    """Return the settings of a search over three networks, with its data in the folder."""
    data = folder / "tiny.npz"
    if not data.exists():
        write_npz(data, learnable())
    values: dict[str, Any] = {
        "study": "s",
        "space_name": "tiny.yaml",
        "space_text": SPACE,
        "dataset": str(data),
        "sampler": "grid",
        "estimator": "train",
        "precision": "float32",
        "trials": 3,
    }
    return settings(**{**values, **changes})


def run_context(folder: Path) -> RunContext:
    return RunContext(url=f"sqlite:///{folder}/study.db", device="cpu")


def resources(folder: Path) -> Resources:
    """Return the resources of one worker in this process."""
    return Resources(run_context=run_context(folder))


def search(folder: Path, **changes: Any) -> None:
    run_study(tiny(folder, **changes), run_context(folder))


def copied(source: Path, target: Path) -> Path:
    """Copy a folder with its storage and artifacts. Studies refer to the data of the source."""
    shutil.copytree(source, target, dirs_exist_ok=True)
    return target
