"""Two workers against one on the same real study: ``python -m benchmarks.workers_speedup``.

The same command runs with ``--workers 1`` and ``--workers 2`` in turns. The time is from the start
of the process to its end, so it includes loading torch and the data. The sampler is random and the
training is deterministic, so both train the same candidates. The machine must be idle, because
every other process changes the ratio.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure some rounds and print the times and their ratio."""
    options = _parser().parse_args(arguments)
    seconds: dict[int, list[float]] = {1: [], options.workers: []}
    for turn in range(options.rounds):
        for workers in seconds if turn % 2 == 0 else reversed(seconds):
            seconds[workers].append(_seconds(options, workers))
            print(
                f"round {turn + 1}: {workers} worker(s) {seconds[workers][-1]:.1f} s", flush=True
            )
    ratios = [many / one for one, many in zip(*seconds.values(), strict=True)]
    print(
        f"{options.workers} workers need {statistics.median(ratios):.3f} of one worker's time"
        f" (median of {len(ratios)}; {min(ratios):.3f} to {max(ratios):.3f})"
    )


def _seconds(options: argparse.Namespace, workers: int) -> float:
    command = [
        sys.executable, str(ROOT / "run_study.py"), "run", options.space,
        "--dataset", options.dataset, "--sampler", "random", "--seed", "1", "--quiet",
        "--trials", str(options.trials), "--epochs", str(options.epochs),
        "--precision", options.precision, "--workers", str(workers),
    ]  # fmt: skip
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    environment.pop("OPTUNA_STORAGE", None)
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        subprocess.run(command, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - start


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--space", default="seed")
    parser.add_argument("--dataset", default="digits", help="a name, or the full path of a file")
    parser.add_argument("--trials", type=int, default=30)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    return parser


if __name__ == "__main__":
    main()
