"""What every estimator has to satisfy; ``test_estimator_contract.py`` lists the estimators."""

from __future__ import annotations

import math
import multiprocessing
import os
import random
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from study.performance_estimation.estimator import Estimate, Estimator, Step
from study.performance_estimation.training.data import TrainingData
from study.search_space.candidate import Architecture, Candidate, ImageFormat, Recipe

IMAGE = ImageFormat(size=14)
CANDIDATE = Candidate(
    architecture=Architecture(conv_layers=1, channels=4, hidden_units=8, norm="batch"),
    recipe=Recipe(batch_size=16, epochs=3),
)
OTHER = replace(
    CANDIDATE, architecture=Architecture(conv_layers=2, channels=3, hidden_units=8, norm="batch")
)


def small_data(*, train: int = 48, val: int = 32, image: ImageFormat = IMAGE) -> TrainingData:
    """Images whose classes differ in brightness, with noise; the same at every call."""
    generator = torch.Generator().manual_seed(5)
    parts = []
    for count in (train, val):
        labels = torch.arange(count) % image.classes
        noise = torch.randint(
            0, 120, (count, image.channels, image.size, image.size), generator=generator
        )
        parts += [(noise + 40 * labels[:, None, None, None]).to(torch.uint8), labels]
    return TrainingData(
        train_images=parts[0], train_labels=parts[1], val_images=parts[2], val_labels=parts[3]
    )


def ignore(_: Step) -> None:
    """Listen to nothing."""


class StopHere(Exception):  # noqa: N818 - stands for Optuna's TrialPruned
    """Raised by a report."""


def stop_here(_: Step) -> None:
    raise StopHere


class EstimatorContract:
    """Subclass it, say how the estimator is made, and pytest runs these tests."""

    candidate = CANDIDATE
    other = OTHER

    def make(self, folder: Path) -> Estimator:
        """Return an estimator as a new process would make it; it may keep files in the folder."""
        raise NotImplementedError

    def inputs(self, estimator: Estimator) -> Sequence[Tensor]:
        """Return the tensors that the estimator was given."""
        return ()

    def estimate(self, folder: Path, report: Callable[[Step], None] = ignore) -> Estimate:
        """Return the estimate of the candidate by a new estimator."""
        return self.make(folder).estimate(self.candidate, seed=3, report=report)

    def test_an_estimate_is_finite_and_has_a_price(self, tmp_path: Path) -> None:
        estimate = self.estimate(tmp_path)
        assert estimate.metrics
        assert all(math.isfinite(value) for value in estimate.metrics.values())
        assert estimate.epochs >= 0
        assert estimate.seconds >= 0

    def test_the_same_seed_gives_the_same_estimate(self, tmp_path: Path) -> None:
        first, again = (self.estimate(tmp_path / name) for name in ("a", "b"))
        assert bits(first) == bits(again)

    def test_earlier_estimates_have_no_influence(self, tmp_path: Path) -> None:
        expected = self.estimate(tmp_path / "a")
        estimator = self.make(tmp_path / "b")
        estimator.estimate(self.other, seed=4, report=ignore)
        after = estimator.estimate(self.candidate, seed=3, report=ignore)
        assert bits(after) == bits(expected)

    def test_steps_are_numbered_from_one_and_end_with_the_estimate(self, tmp_path: Path) -> None:
        steps: list[Step] = []
        estimate = self.estimate(tmp_path, steps.append)
        assert [step.number for step in steps] == list(range(1, len(steps) + 1))
        assert steps[-1].metrics == estimate.metrics

    def test_a_pruned_candidate_can_be_estimated_later(self, tmp_path: Path) -> None:
        with pytest.raises(StopHere):
            self.estimate(tmp_path / "a", stop_here)
        later, expected = (self.estimate(tmp_path / name) for name in ("a", "b"))
        assert bits(later) == bits(expected)

    def test_inputs_are_left_alone(self, tmp_path: Path) -> None:
        estimator, before = self.make(tmp_path), repr(self.candidate)
        copies = [tensor.clone() for tensor in self.inputs(estimator)]
        estimator.estimate(self.candidate, seed=3, report=ignore)
        assert repr(self.candidate) == before
        assert all(map(torch.equal, copies, self.inputs(estimator)))

    def test_global_generators_and_threads_are_left_alone(self, tmp_path: Path) -> None:
        states = torch.get_rng_state(), random.getstate(), np.random.get_state()
        threads = torch.get_num_threads()
        self.estimate(tmp_path)
        assert torch.equal(torch.get_rng_state(), states[0])
        assert random.getstate() == states[1]
        assert repr(np.random.get_state()) == repr(states[2])
        assert torch.get_num_threads() == threads
        assert sys.float_info.min / 2 > 0  # denormal numbers are numbers again

    def killed(self, folder: Path) -> None:
        """Estimate the candidate and kill this process in the middle."""
        self.estimate(folder, lambda _: kill_me())

    def kill_and_repeat(self, tmp_path: Path) -> None:
        """Check that an estimate after a kill is the one without."""
        process = multiprocessing.get_context("spawn").Process(
            target=self.killed, args=(tmp_path / "killed",)
        )
        process.start()
        process.join(timeout=120)
        assert process.exitcode == -signal.SIGKILL
        after, expected = (self.estimate(tmp_path / name) for name in ("killed", "whole"))
        assert bits(after) == bits(expected)

    @pytest.mark.slow
    def test_a_kill_in_the_middle_changes_nothing(self, tmp_path: Path) -> None:
        self.kill_and_repeat(tmp_path)


class CheckpointContract(EstimatorContract):
    """For estimators that keep a checkpoint."""

    def test_a_kill_in_the_middle_changes_nothing(self, tmp_path: Path) -> None:
        self.kill_and_repeat(tmp_path)
        assert list((tmp_path / "killed").iterdir())


def bits(estimate: Estimate) -> dict[str, str]:
    """Return the metrics to the last bit."""
    return {name: float(value).hex() for name, value in estimate.metrics.items()}


def kill_me() -> None:
    """End this process as a power failure would."""
    os.kill(os.getpid(), signal.SIGKILL)
