"""Several processes on one study of one machine."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from study.storage.stored_study import load_trials
from tests.studies import answer, command, exactly
from tests.terminal import environment

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


MEASURE = """
import json, sys, time
from study.data.dataset import load_search_data
data = load_search_data(sys.argv[1])
found = int(data.train_images.sum()) + int(data.val_images.sum())
print("ready", flush=True)
sys.stdin.readline()
name, sizes = "", {"Pss": 0, "Rss": 0}
for line in open("/proc/self/smaps"):
    word, *rest = line.split()
    if "-" in word and not word.endswith(":"):
        name = rest[-1] if len(rest) > 4 else ""
    elif word[:-1] in sizes and name.endswith(".npy"):
        sizes[word[:-1]] += int(rest[0])
print(json.dumps(sizes))
"""


@pytest.mark.slow
def test_images_are_in_memory_once_for_all_workers(tmp_path: Path) -> None:
    """Of two processes each is charged with half of the images it shares."""
    rng, path = np.random.default_rng(0), tmp_path / "images.npz"
    parts: dict[str, Any] = {}
    for name, count in (("train", 20_000), ("val", 2_000), ("test", 100)):
        parts[f"{name}_images"] = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        parts[f"{name}_labels"] = np.arange(count).reshape(-1, 1).astype(np.uint8) % 4
    np.savez_compressed(path, **parts)
    processes: list[Any] = []
    for _ in range(2):
        process = subprocess.Popen(
            [sys.executable, "-c", MEASURE, str(path)],
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        processes.append(process)
    sizes = []
    for process in processes:  # both are alive while each measures itself
        process.stdin.write("\n")
        process.stdin.flush()
        sizes.append(json.loads(process.stdout.readline()))
    for process in processes:
        process.communicate()
    images = 22_000 * 28 * 28 / 1024
    assert all(size["Rss"] >= 0.95 * images for size in sizes)
    assert sizes[0]["Pss"] <= 0.6 * images
