"""Trainings that are short of memory: smaller parts, and the same result within rounding."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from study.network.build import build
from study.performance_estimation.estimator import Estimate, EstimateFailed, EstimatorContext
from study.performance_estimation.training import training
from study.performance_estimation.training.gradients import EagerGradients
from study.performance_estimation.training.recipe import training_loss
from study.performance_estimation.training.train_estimator import TrainEstimator
from study.search_space.candidate import Architecture, Candidate, Recipe
from study.search_space.reading.loading import load_space
from study.search_space.resolve import resolve
from tests.performance_estimation.estimator_contract import IMAGE, ignore, small_data

DATA = small_data()

CANDIDATE = Candidate(
    architecture=Architecture(conv_layers=2, channels=4, hidden_units=8, dropout=0.3),
    recipe=Recipe(batch_size=32, epochs=2, learning_rate=0.01),
)


def estimate(candidate: Candidate = CANDIDATE) -> Estimate:
    context = EstimatorContext(space=load_space("seed"), image=IMAGE, device=torch.device("cpu"))
    return TrainEstimator(context=context, data=small_data()).estimate(
        candidate, seed=5, report=ignore
    )


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], list[int]]:
    """Imitate an allocator that holds so many images; no test can fill the real one safely."""

    def limited(images: int) -> list[int]:
        seen: list[int] = []

        def forward(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            seen.append(len(inputs[0]))
            if len(inputs[0]) > images:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.")

        def built(*arguments: Any, **named: Any) -> nn.Sequential:
            network = build(*arguments, **named)
            network.register_forward_pre_hook(forward)
            return network

        monkeypatch.setattr(training, "build", built)
        return seen

    return limited


def test_a_training_short_of_memory_comes_to_the_same_result_within_rounding(
    memory: Callable[[int], list[int]],
) -> None:
    whole = estimate()
    seen = memory(9)
    parts = estimate()
    assert parts.facts["micro_batch"] == 8
    assert max(seen[2:]) <= 32  # it was tried whole once, then never again
    assert seen.count(32) == 2  # in training, and in validation
    assert dict(parts.metrics) == pytest.approx(dict(whole.metrics), rel=1e-4)
    assert parts.epochs == whole.epochs


def test_memory_for_too_few_images_is_recorded_as_out_of_memory(
    memory: Callable[[int], list[int]],
) -> None:
    memory(3)
    with pytest.raises(EstimateFailed, match="out of memory with 4 images at a time") as failed:
        estimate()
    assert failed.value.kind == "out of memory"


def test_no_memory_for_the_weights_is_out_of_memory_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def build(*_: Any, **__: Any) -> nn.Sequential:
        raise RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate")

    monkeypatch.setattr(training, "build", build)
    with pytest.raises(EstimateFailed, match="DefaultCPUAllocator") as failed:
        estimate()
    assert failed.value.kind == "out of memory"


def test_another_error_stays_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def build(*_: Any, **__: Any) -> nn.Sequential:
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(training, "build", build)
    with pytest.raises(RuntimeError, match="shapes do not match"):
        estimate()


def gradients_of(
    micro_batch: int, *, dropout: float = 0.4, forward: Callable[[Tensor], None] = lambda _: None
) -> tuple[EagerGradients, Tensor, list[Tensor]]:
    architecture = Architecture(conv_layers=1, channels=4, hidden_units=8, dropout=dropout)
    network = build(resolve(architecture, IMAGE), generator=torch.Generator().manual_seed(0))
    network.train()
    network.register_forward_pre_hook(lambda _, inputs: forward(inputs[0]))
    loss = training_loss(Recipe(), DATA.train_labels, classes=4)
    gradients = EagerGradients(network, loss, dtype=torch.float32, micro_batch=micro_batch)
    value = gradients(DATA.train_images, DATA.train_labels, seed=9)
    return gradients, value, [p.grad for p in network.parameters() if p.grad is not None]


@pytest.mark.parametrize("micro_batch", [1, 7, 16, 47])
def test_parts_of_a_batch_add_up_to_its_gradient(micro_batch: int) -> None:
    _, loss, whole = gradients_of(len(DATA.train_labels))
    _, total, parts = gradients_of(micro_batch)
    torch.testing.assert_close(total, loss)
    for expected, found in zip(whole, parts, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


def memory_for(
    images: int, error: type[Exception] = torch.OutOfMemoryError
) -> Callable[..., None]:
    """Imitate a memory that holds so many images; no test can fill the real one safely."""

    def forward(batch: Tensor) -> None:
        if len(batch) > images:
            text = "DefaultCPUAllocator: can't allocate memory"
            raise error(text)

    return forward


@pytest.mark.parametrize("error", [torch.OutOfMemoryError, MemoryError, RuntimeError])
def test_parts_are_halved_when_memory_runs_out(error: type[Exception]) -> None:
    _, loss, whole = gradients_of(48)
    gradients, total, found = gradients_of(48, forward=memory_for(13, error))
    assert gradients.micro_batch == 12
    torch.testing.assert_close(total, loss)
    for expected, gradient in zip(whole, found, strict=True):
        torch.testing.assert_close(gradient, expected, rtol=1e-4, atol=1e-6)


PROGRAM = """
import resource
from study.performance_estimation.training.process import keep_freed_memory
import numpy as np

def step():
    parts = [np.empty(3_000_000, dtype=np.uint8) for _ in range(8)]
    for part in parts:
        part[::4096] = 1

def faults():
    step()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        step()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

without = faults()
keep_freed_memory()
keep_freed_memory()
print(faults(), without)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other C libraries are left as they are")
def test_what_a_step_frees_serves_the_next_one() -> None:
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )
    kept, without = map(int, run.stdout.split())
    assert kept <= without
    assert kept < 1_000  # of 20 · 8 · 733 pages touched
