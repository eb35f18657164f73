"""The precision that is chosen for this machine, and the speed that ``check --time`` measures."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from study.common.errors import StudyError
from study.performance_estimation.training import speed
from study.performance_estimation.training.gradients import DTYPES, OutOfMemory
from study.performance_estimation.training.speed import images_per_second, probe_precision
from study.search_space.candidate import ImageFormat, Recipe
from study.search_space.reading.loading import space_from_text
from study.search_space.resolve import Stack, complexity

CPU = torch.device("cpu")
SMALL = ImageFormat(channels=1, size=8, classes=3)
WIDTHS = """\
parameters:
  epochs: 3
  conv_layers: 1
  channels: {type: int, low: 1, high: 64}
  head: global_average
"""


def test_candidates_that_diverge_are_timed_too() -> None:
    text = "  optimizer: sgd\n  learning_rate: 10\n  batch_size: 32\n  weight_decay: 1\n"
    space = space_from_text(WIDTHS + text, image=SMALL)
    assert images_per_second(space, SMALL) > 0


def test_only_candidates_inside_the_constraints_are_timed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    space = space_from_text(WIDTHS + "constraints: {macs: 1_000}\n", image=SMALL)
    timed: list[int] = []

    def train(stack: Stack, _: Recipe, data: Any, **__: Any) -> None:
        timed.append(complexity(stack).macs)
        assert len(data.train_images.unique()) == 256  # random images

    monkeypatch.setattr(speed, "train", train)
    images_per_second(space, SMALL)
    assert timed
    assert max(timed) <= 1_000


def test_a_candidate_that_cannot_be_trained_is_one_clear_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def train(*_: Any, **__: Any) -> None:
        raise OutOfMemory(micro_batch=1)

    monkeypatch.setattr(speed, "train", train)
    with pytest.raises(StudyError, match=r"^--time: .* out"):
        images_per_second(space_from_text(WIDTHS, image=SMALL), SMALL)


@pytest.mark.parametrize(
    ("bfloat16", "chosen"),
    [
        ([0.5] * 5, "bfloat16"),
        ([0.9] * 5, "bfloat16"),
        ([0.97] * 5, "float32"),
        ([4.0] * 5, "float32"),
        ([0.5, 0.5, 7.0, 0.5, 7.0], "bfloat16"),  # moments of load
    ],
)
def test_the_faster_precision_is_chosen_by_the_median(
    bfloat16: list[float], chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    warm_up = 9.0
    seconds = {
        torch.float32: iter([warm_up, *[1.0] * 5]),
        torch.bfloat16: iter([warm_up, *bfloat16]),
    }
    monkeypatch.setattr(speed, "_step_seconds", lambda _, dtype, device: next(seconds[dtype]))
    assert probe_precision(CPU).precision == chosen


def test_the_probe_measures_this_machine() -> None:
    torch.manual_seed(2)
    before = torch.get_rng_state()
    probe = probe_precision(CPU)
    assert set(probe.seconds) == set(DTYPES)
    assert all(0 < seconds < 10 for seconds in probe.seconds.values())
    assert torch.equal(torch.get_rng_state(), before)
