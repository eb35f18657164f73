"""Gradients in parts: the same within rounding, and what happens where memory is short."""

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
from study.performance_estimation.training.gradients import EagerGradients, graphed_if_possible
from study.performance_estimation.training.recipe import training_loss
from study.performance_estimation.training.train_estimator import TrainEstimator
from study.search_space.candidate import Architecture, Candidate, Recipe
from study.search_space.reading.loading import load_space
from study.search_space.resolve import resolve
from tests.performance_estimation.examples import IMAGE, ignore, small_data

DATA = small_data()
LOSS = training_loss(Recipe(), DATA.train_labels, classes=4)

ARCHITECTURE = Architecture(conv_layers=2, channels=4, hidden_units=8, dropout=0.3)
CANDIDATE = Candidate(
    architecture=ARCHITECTURE, recipe=Recipe(batch_size=32, epochs=2, learning_rate=0.01)
)


def estimate() -> Estimate:
    context = EstimatorContext(space=load_space("seed"), image=IMAGE, device=torch.device("cpu"))
    return TrainEstimator(context=context, data=DATA).estimate(CANDIDATE, seed=5, report=ignore)


def limit(
    network: nn.Module,
    images: int,
    seen: list[int],
    error: type[Exception] = torch.OutOfMemoryError,
) -> nn.Module:
    """Imitate a memory that holds few images; no test can fill the real one safely."""

    def forward(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        seen.append(len(inputs[0]))
        if len(inputs[0]) > images:
            text = "DefaultCPUAllocator: can't allocate memory"
            raise error(text)

    network.register_forward_pre_hook(forward)
    return network


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], list[int]]:
    """Limit the memory of all trainings that follow; return the sizes of their batches."""

    def limited(images: int) -> list[int]:
        seen: list[int] = []
        monkeypatch.setattr(training, "build", lambda *a, **k: limit(build(*a, **k), images, seen))
        return seen

    return limited


def test_a_training_short_of_memory_has_the_same_result_within_rounding(
    memory: Callable[[int], list[int]],
) -> None:
    whole = estimate()
    seen = memory(9)
    parts = estimate()
    assert parts.facts["micro_batch"] == 8
    assert max(seen[2:]) <= 32
    assert seen.count(32) == 2  # once in training and once in validation
    assert dict(parts.metrics) == pytest.approx(dict(whole.metrics), rel=1e-4)
    assert parts.epochs == whole.epochs


def test_memory_for_too_few_images_is_recorded_as_out_of_memory(
    memory: Callable[[int], list[int]],
) -> None:
    memory(3)
    with pytest.raises(EstimateFailed, match="out of memory with 4 images at a time") as failed:
        estimate()
    assert failed.value.kind == "out of memory"


@pytest.mark.parametrize(
    ("text", "error", "kind"),
    [
        ("alloc_cpu.cpp: DefaultCPUAllocator: can't allocate", EstimateFailed, "out of memory"),
        ("shapes do not match", RuntimeError, None),
    ],
)
def test_only_a_lack_of_memory_for_the_weights_is_a_failed_estimate(
    text: str, error: type[Exception], kind: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> nn.Module:
        raise RuntimeError(text)

    monkeypatch.setattr(training, "build", fail)
    with pytest.raises(error, match=text) as failed:
        estimate()
    assert getattr(failed.value, "kind", None) == kind


def gradients_of(
    micro_batch: int, change: Callable[[nn.Module], object] = lambda _: None
) -> tuple[EagerGradients, list[Tensor]]:
    """Return gradients of all training images, and their values with the loss in front."""
    network = build(resolve(ARCHITECTURE, IMAGE), generator=torch.Generator().manual_seed(0))
    change(network.train())
    gradients = EagerGradients(network, LOSS, dtype=torch.float32, micro_batch=micro_batch)
    loss = gradients(DATA.train_images, DATA.train_labels, seed=9)
    return gradients, [loss, *(p.grad for p in network.parameters() if p.grad is not None)]


@pytest.mark.parametrize("micro_batch", [1, 7, 16, 47])
def test_parts_of_a_batch_add_up_to_its_gradient(micro_batch: int) -> None:
    (_, whole), (_, parts) = gradients_of(48), gradients_of(micro_batch)
    torch.testing.assert_close(parts, whole, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("error", [torch.OutOfMemoryError, MemoryError, RuntimeError])
def test_parts_are_halved_when_memory_runs_out(error: type[Exception]) -> None:
    _, whole = gradients_of(48)
    gradients, found = gradients_of(48, lambda network: limit(network, 13, [], error))
    assert gradients.micro_batch == 12
    torch.testing.assert_close(found, whole, rtol=1e-4, atol=1e-6)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_graph_gives_the_gradients_of_the_eager_pass() -> None:
    images, labels = DATA.train_images[:16].cuda(), DATA.train_labels[:16].cuda()
    plain = resolve(Architecture(conv_layers=1, channels=4, hidden_units=8), IMAGE)
    network = build(plain, generator=torch.Generator().manual_seed(0))
    eager = EagerGradients(network.cuda(), LOSS, dtype=torch.float32, micro_batch=16)
    graphed = graphed_if_possible(eager, images, labels)
    assert graphed is not eager
    found = graphed(images, labels, seed=1)
    gradients = [p.grad.clone() for p in network.parameters() if p.grad is not None]
    torch.testing.assert_close(found, eager(images, labels, seed=1))
    for gradient, parameter in zip(gradients, network.parameters(), strict=True):
        torch.testing.assert_close(gradient, parameter.grad, rtol=1e-3, atol=1e-5)


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
