"""How fast candidates are trained: the plain loop against two processes of one thread.

    python -m benchmarks.training_speed --images 4000 --rounds 2
    python -m benchmarks.training_speed --memory
    python -m benchmarks.training_speed --accuracy --data octmnist.npz

Both train the same 15 candidates of the space ``seed`` for three epochs each, validation included,
in turns (plain, ours, plain, ours, …), so that a change of the machine's load affects both. The
clock runs from the moment that all processes are ready until the last one is done.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import platform
import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from multiprocessing.synchronize import Barrier
from statistics import mean, median, stdev
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.plain_loop import plain_loaders, train_plainly
from study.data.dataset import load_search_data
from study.performance_estimation.training.data import TrainingData
from study.performance_estimation.training.gradients import DTYPES
from study.performance_estimation.training.speed import probe_precision
from study.performance_estimation.training.training import TrainingSettings, train
from study.search_space.candidate import OCTMNIST, Architecture, Candidate, ImageFormat
from study.search_space.reading.loading import load_space
from study.search_space.resolve import complexity, resolve

OFFICIAL = (97_477, 10_832)
"""Training and validation images of OCTMNIST."""
CANDIDATES, EPOCHS, PROCESSES = 15, 3, 2
ACCURACY_EPOCHS = 8
BACKWARD = 3
"""Forward and backward cost three times the forward pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """The work of one side: training images, and epochs of each candidate.

    Args:
        precision: A name of ``DTYPES``. The plain loop always computes in float32.
    """

    images: int
    precision: str
    epochs: int = EPOCHS

    @property
    def val_images(self) -> int:
        """Validation images: as many for each training image as in OCTMNIST."""
        return max(1, round(self.images * OFFICIAL[1] / OFFICIAL[0]))


def candidates() -> list[Candidate]:
    """Return the candidates, drawn uniformly from the space ``seed``."""
    space, rng = load_space("seed"), np.random.default_rng(0)
    return [space.candidate(space.sample(rng)) for _ in range(CANDIDATES)]


def synthetic_data(load: Load) -> TrainingData:
    """Return images of OCTMNIST's form: noise, brighter from class to class."""
    generator = torch.Generator().manual_seed(0)

    def part(n: int) -> tuple[Tensor, Tensor]:
        labels = torch.randint(4, (n,), generator=generator)
        noise = torch.randint(0, 160, (n, 1, 28, 28), generator=generator, dtype=torch.uint8)
        return noise + (24 * labels[:, None, None, None]).to(torch.uint8), labels

    train_images, train_labels = part(load.images)
    val_images, val_labels = part(load.val_images)
    return TrainingData(
        train_images=train_images,
        train_labels=train_labels,
        val_images=val_images,
        val_labels=val_labels,
    )


def plain(load: Load, todo: Any, barrier: Barrier) -> None:
    """Train as the plain loop does: one process, all threads."""
    torch.set_num_threads(os.cpu_count() or 1)
    loaders = plain_loaders(synthetic_data(load))
    work = candidates()
    barrier.wait()
    for index in iter(todo.get, None):
        train_plainly(work[index], loaders, classes=4, epochs=load.epochs, seed=index)


def ours(load: Load, todo: Any, barrier: Barrier) -> None:
    """Train as a study's worker does: one thread, the next candidate from a common list."""
    data = synthetic_data(load)
    work = candidates()
    barrier.wait()
    for index in iter(todo.get, None):
        stack = resolve(work[index].architecture, OCTMNIST)
        settings = TrainingSettings(seed=index, epochs=load.epochs, precision=load.precision)
        train(stack, work[index].recipe, data, settings=settings)


def timed(
    side: Callable[..., None], load: Load, *, processes: int, indices: Sequence[int]
) -> float:
    """Return the seconds that a side takes for the candidates at ``indices``."""
    context = multiprocessing.get_context("spawn")
    todo, barrier = context.SimpleQueue(), context.Barrier(processes + 1)
    for index in [*indices, *[None] * processes]:
        todo.put(index)
    workers = [context.Process(target=side, args=(load, todo, barrier)) for _ in range(processes)]
    for worker in workers:
        worker.start()
    barrier.wait(timeout=300)
    start = time.perf_counter()
    for worker in workers:
        worker.join()
        if worker.exitcode:
            raise SystemExit(f"a process of {side.__name__!r} ended with {worker.exitcode}")
    return time.perf_counter() - start


def peak(dtype: torch.dtype) -> float:
    """Return the highest FLOP/s of a matrix product on one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    a, b = (torch.ones(2048, 2048, dtype=dtype) for _ in range(2))
    seconds = []
    for _ in range(8):
        start = time.perf_counter()
        torch.mm(a, b)
        seconds.append(time.perf_counter() - start)
    torch.set_num_threads(threads)
    return float(2 * 2048**3 / min(seconds))


def flops(load: Load) -> float:
    """Return the floating-point operations of all trainings and validations."""
    macs = sum(complexity(resolve(c.architecture, OCTMNIST)).macs for c in candidates())
    return float(2 * macs * load.epochs * (BACKWARD * load.images + load.val_images))


def describe(load: Load) -> None:
    """Print machine, versions and precision."""
    load1 = os.getloadavg()[0]
    print(f"processor         {_processor()}, {os.cpu_count()} cores, load {load1:.1f} before")
    print(f"software          torch {torch.__version__}, Python {platform.python_version()}")
    print(f"precision (ours)  {load.precision}")


def compare(load: Load, rounds: int) -> None:
    """Time both sides in turns and print the figures."""
    describe(load)
    images = CANDIDATES * load.epochs * load.images
    every = list(range(CANDIDATES))
    rates: dict[str, list[float]] = {"plain": [], "ours": []}
    for number in range(1, rounds + 1):
        for side, processes in ((plain, 1), (ours, PROCESSES)):
            rate = images / timed(side, load, processes=processes, indices=every)
            rates[side.__name__].append(rate)
            print(f"round {number}  {side.__name__:<6} {rate:8,.0f} images/s", flush=True)
    ratios = [b / a for a, b in zip(rates["plain"], rates["ours"], strict=True)]
    print(
        f"n                 {rounds} rounds of {CANDIDATES} candidates x {load.epochs} epochs"
        f" x {load.images:,} images, {load.val_images:,} validation images"
    )
    for name, found in rates.items():
        print(f"{name:<17} {median(found):,.0f} images/s (median)")
    print(f"ratio             {median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")
    done = flops(load) * median(rates["ours"]) / images
    for name, dtype in DTYPES.items():
        limit = peak(dtype)
        share = done / (PROCESSES * limit)
        print(f"peak {name:<12} {limit / 1e9:,.0f} GFLOP/s a core; ours uses {share:.0%} of two")


def memory(load: Load) -> None:
    """Print the peak resident memory of one process of each side on the largest network."""
    load = replace(load, epochs=1)  # the first epoch reaches the peak
    describe(load)
    largest = max(range(CANDIDATES), key=lambda index: _parameters(candidates()[index]))
    context = multiprocessing.get_context("spawn")
    for side in (plain, ours):
        queue = context.SimpleQueue()
        process = context.Process(target=_peak_memory, args=(side, load, largest, queue))
        process.start()
        print(f"{side.__name__:<6} {queue.get() / 2**20:,.0f} MiB peak on {load.images:,} images")
        process.join()


def _peak_memory(side: Callable[..., None], load: Load, index: int, queue: Any) -> None:
    context = multiprocessing.get_context("spawn")
    todo = context.SimpleQueue()
    for item in (index, None):
        todo.put(item)
    side(load, todo, context.Barrier(1))
    queue.put(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


def accuracy(dataset: str, precision: str, *, seeds: range) -> None:
    """Print the validation accuracy of both sides, and its spread over seeds."""
    found = load_search_data(dataset)
    data = TrainingData(
        train_images=found.train_images,
        train_labels=found.train_labels,
        val_images=found.val_images,
        val_labels=found.val_labels,
    )
    candidate = Candidate(architecture=Architecture(hidden_units=128, dropout=0.2))
    loaders, classes = plain_loaders(data), found.image.classes
    sides = {
        "plain": [
            train_plainly(candidate, loaders, classes=classes, epochs=ACCURACY_EPOCHS, seed=seed)
            for seed in seeds
        ],
        "ours": [_our_accuracy(candidate, data, found.image, precision, seed) for seed in seeds],
    }
    print(f"{found.name}: {len(data.train_labels):,} training images, {ACCURACY_EPOCHS} epochs, ")
    for name, values in sides.items():
        print(f"{name:<6} {mean(values):.4f} ± {stdev(values):.4f} ({len(values)} seeds)")


def _our_accuracy(
    candidate: Candidate, data: TrainingData, image: ImageFormat, precision: str, seed: int
) -> float:
    settings = TrainingSettings(seed=seed, epochs=ACCURACY_EPOCHS, precision=precision)
    stack = resolve(candidate.architecture, image)
    return train(stack, candidate.recipe, data, settings=settings).metrics["val_accuracy"]


def _parameters(candidate: Candidate) -> int:
    return complexity(resolve(candidate.architecture, OCTMNIST)).parameters


def _processor() -> str:
    try:
        with open("/proc/cpuinfo") as lines:  # noqa: PTH123 - read to the first match only
            names = (line.split(":")[1].strip() for line in lines if line.startswith("model name"))
            return next(names, platform.machine())
    except OSError:
        return platform.processor() or platform.machine()


def main() -> None:
    """Read the flags and measure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--images", type=int, default=OFFICIAL[0], help="training images")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory", action="store_true", help="peak memory instead of speed")
    parser.add_argument("--accuracy", action="store_true", help="accuracy instead of speed")
    parser.add_argument("--seeds", type=int, default=5, help="seeds for --accuracy")
    parser.add_argument("--first-seed", type=int, default=0, help="the first of them")
    parser.add_argument("--precision", choices=[*DTYPES], help="measured when left out")
    parser.add_argument("--data", default="digits", help="data set for --accuracy")
    flags = parser.parse_args()
    precision = flags.precision or probe_precision(torch.device("cpu")).precision
    load = Load(images=flags.images, precision=precision)
    if flags.accuracy:
        describe(load)
        first = flags.first_seed
        accuracy(flags.data, load.precision, seeds=range(first, first + flags.seeds))
    elif flags.memory:
        memory(load)
    else:
        compare(load, flags.rounds)


if __name__ == "__main__":
    main()
