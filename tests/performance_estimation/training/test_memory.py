"""Trainings for which memory is too small: halved, and the same result within rounding."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from study.network.build import build
from study.performance_estimation.estimator import Estimate, EstimateFailed, EstimatorContext
from study.performance_estimation.training import training
from study.performance_estimation.training.train_estimator import TrainEstimator
from study.search_space.candidate import Architecture, Candidate, Recipe
from study.search_space.reading.loading import load_space
from tests.performance_estimation.estimator_contract import IMAGE, ignore, small_data

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
