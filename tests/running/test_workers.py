"""Several processes on one study of one machine."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from study.data.dataset import load_search_data
from study.storage.stored_study import load_trials
from tests.data.test_cache import kilobytes_of_map
from tests.studies import answer, command, exactly

STUDY = ("seed", "--dataset", "digits", "--sampler", "random", "--quiet")


@pytest.mark.slow
def test_a_worker_joins_from_another_folder_and_leaves_when_the_study_is_done(
    tmp_path: Path, storage_url: str
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    arguments = ("run", *STUDY, "--estimator", "synthetic,delay=0.05", "--storage", storage_url)
    first = command(*arguments, "--trials", "30", "--workers", "1", cwd=tmp_path)
    while not begun(storage_url):
        time.sleep(0.1)
    code, _, err = answer("worker", "seed", "--quiet", "--storage", storage_url, cwd=elsewhere)
    assert code == 0, err
    assert first.communicate(timeout=60) is not None
    assert first.returncode == 0
    trials = load_trials("seed", storage_url)[1]
    exactly(trials, 30)
    assert len({t.worker["pid"] for t in trials}) == 2


def begun(url: str) -> bool:
    try:
        return bool(load_trials("seed", url)[1])
    except Exception:  # noqa: BLE001 - there is no study yet
        return False


@pytest.mark.slow
def test_images_are_in_memory_once_for_all_workers(tmp_path: Path) -> None:
    """Pages of a mapped file that no process writes to are shared by all that map it."""
    rng, path = np.random.default_rng(0), tmp_path / "images.npz"
    parts: dict[str, Any] = {}
    for name, count in (("train", 20_000), ("val", 2_000), ("test", 100)):
        parts[f"{name}_images"] = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        parts[f"{name}_labels"] = np.arange(count).reshape(-1, 1).astype(np.uint8) % 4
    np.savez_compressed(path, **parts)
    data = load_search_data(str(path))
    assert int(data.train_images.sum()) + int(data.val_images.sum()) > 0  # reads every page
    kilobytes = {field: kilobytes_of_map(".npy", field) for field in ("Rss:", "Private_Dirty:")}
    assert kilobytes["Rss:"] >= 0.95 * 22_000 * 28 * 28 / 1024
    assert kilobytes["Private_Dirty:"] == 0
