"""How fast this machine is: the faster precision, and the training speed of a space's networks."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from statistics import median

import torch
from torch import Generator, nn
from torch.nn import functional as F

from study.common.errors import StudyError
from study.network.build import build
from study.performance_estimation.estimator import EstimateFailed
from study.performance_estimation.training.data import TrainingData
from study.performance_estimation.training.gradients import DTYPES
from study.performance_estimation.training.process import one_thread
from study.performance_estimation.training.training import TrainingSettings, train
from study.search_space.candidate import (
    OCTMNIST,
    RECIPE_FIELDS,
    Architecture,
    Candidate,
    ImageFormat,
)
from study.search_space.extremes import drawn_inside
from study.search_space.resolve import resolve
from study.search_space.space import SearchSpace

_PROBE_IMAGES = 128
_ROUNDS = 5
_MARGIN = 0.95
"""bfloat16 is chosen where it saves a twentieth of the time; less does not justify its coarser
numbers."""

_IMAGES = 2_048
_CANDIDATES = 5
_DRAWS = 200
_SMALLEST_RATE = RECIPE_FIELDS["learning_rate"].low


@dataclass(frozen=True, slots=True, kw_only=True)
class PrecisionProbe:
    """The faster precision of ``DTYPES`` on this machine.

    Args:
        seconds: Median time of one forward and backward pass of 128 images through a typical
            small network on one thread, by precision.
    """

    precision: str
    seconds: Mapping[str, float]


def probe_precision(device: torch.device) -> PrecisionProbe:
    """Measure every precision in turn, several times, in a few tenths of a second.

    On the CPU processor time counts, so other programs hardly matter. The answer still depends on
    the machine, so a study stores it.
    """
    network = build(resolve(Architecture(), OCTMNIST), generator=Generator().manual_seed(0))
    network.to(device)
    with one_thread():
        for dtype in DTYPES.values():  # the first pass chooses kernels and allocates
            _step_seconds(network, dtype, device)
        rounds = [
            {name: _step_seconds(network, dtype, device) for name, dtype in DTYPES.items()}
            for _ in range(_ROUNDS)
        ]
    seconds = {name: median(taken[name] for taken in rounds) for name in DTYPES}
    faster = seconds["bfloat16"] < _MARGIN * seconds["float32"]
    return PrecisionProbe(precision="bfloat16" if faster else "float32", seconds=seconds)


def _step_seconds(network: nn.Module, dtype: torch.dtype, device: torch.device) -> float:
    images = torch.zeros(_PROBE_IMAGES, 1, 28, 28, dtype=dtype, device=device)
    images = images.contiguous(memory_format=torch.channels_last)
    labels = torch.zeros(_PROBE_IMAGES, dtype=torch.int64, device=device)

    def step() -> None:
        F.cross_entropy(network(images).float(), labels).backward()  # type: ignore[no-untyped-call]

    return seconds_of(step, device)


def seconds_of(work: Callable[[], object], device: torch.device) -> float:
    """Return the seconds that ``work`` takes on the device; on a CPU, its processor time."""
    clock = time.thread_time if device.type == "cpu" else time.perf_counter
    _wait_for(device)
    start = clock()
    work()
    _wait_for(device)
    return clock() - start


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def images_per_second(space: SearchSpace, image: ImageFormat) -> float:
    """Return the median training speed of a few random candidates, on one thread.

    Each candidate satisfies the constraints. It is trained for one epoch on random images and
    validated on one batch, with the smallest learning rate, so that no candidate diverges. The
    learning rate does not change the speed.

    Raises:
        StudyError: A candidate cannot be trained on this machine.
    """
    candidates = [space.candidate(v) for v in drawn_inside(space, image, _DRAWS)[:_CANDIDATES]]
    data = _random_images(image)
    precision = probe_precision(torch.device("cpu")).precision
    settings = TrainingSettings(seed=0, epochs=1, precision=precision)

    def speed(candidate: Candidate) -> float:
        recipe = replace(candidate.recipe, learning_rate=_SMALLEST_RATE)
        start = time.perf_counter()
        train(resolve(candidate.architecture, image), recipe, data, settings=settings)
        return _IMAGES / (time.perf_counter() - start)

    try:
        return median(map(speed, candidates))
    except EstimateFailed as failure:
        raise StudyError(
            f"--time: a candidate cannot be trained on this machine: {failure}; leave --time out"
            " for a guess"
        ) from failure


def _random_images(image: ImageFormat) -> TrainingData:
    generator = torch.Generator().manual_seed(0)
    shape = (_IMAGES, image.channels, image.size, image.size)
    images = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
    labels = torch.arange(_IMAGES) % image.classes
    return TrainingData(
        train_images=images,
        train_labels=labels,
        val_images=images[:64],
        val_labels=labels[:64],
    )
