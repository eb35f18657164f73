"""Tests of study/performance_estimation/training/precision.py."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import nn

from study.performance_estimation.training import speed
from study.performance_estimation.training.gradients import DTYPES
from study.performance_estimation.training.speed import probe_precision

CPU = torch.device("cpu")


def timed_as(seconds: dict[torch.dtype, Iterator[float]]) -> object:
    def answer(_: nn.Module, dtype: torch.dtype, device: torch.device) -> float:
        assert device == CPU
        return next(seconds[dtype])

    return answer


def repeat(*values: float) -> Iterator[float]:
    yield 9.0  # the warm-up is not counted
    yield from values


@pytest.mark.parametrize(
    ("bfloat16", "chosen"),
    [(0.5, "bfloat16"), (0.9, "bfloat16"), (0.97, "float32"), (4, "float32")],
)
def test_the_faster_precision_is_chosen(
    bfloat16: float, chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = {
        torch.float32: repeat(*[1.0] * 5),
        torch.bfloat16: repeat(*[bfloat16] * 5),
    }
    monkeypatch.setattr(speed, "_step_seconds", timed_as(seconds))
    probe = probe_precision(CPU)
    assert probe.precision == chosen
    assert probe.seconds == {"float32": 1.0, "bfloat16": bfloat16}


def test_a_moment_of_load_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = {
        torch.float32: repeat(1.0, 1.0, 1.0, 1.0, 1.0),
        torch.bfloat16: repeat(0.5, 0.5, 7.0, 0.5, 7.0),
    }
    monkeypatch.setattr(speed, "_step_seconds", timed_as(seconds))
    assert probe_precision(CPU).precision == "bfloat16"


def test_the_probe_measures_this_machine() -> None:
    torch.manual_seed(2)
    before = torch.get_rng_state()
    probe = probe_precision(CPU)
    assert set(probe.seconds) == set(DTYPES)
    assert all(0 < seconds < 10 for seconds in probe.seconds.values())
    assert torch.equal(torch.get_rng_state(), before)
