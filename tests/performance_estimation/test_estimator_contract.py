"""The contract of an estimator, tested with every estimator of the registry."""

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
from typing import Any, cast

import numpy as np
import pytest
import torch

from study.common.choices import options_of
from study.data.dataset import SearchData
from study.performance_estimation.estimator import Estimate, Estimator, EstimatorContext, Step
from study.performance_estimation.registry import ESTIMATORS, parse_estimator
from study.performance_estimation.supernet.supernet_estimator import SupernetEstimator
from study.performance_estimation.tabular.table import BenchmarkTable
from study.performance_estimation.tabular.table_estimator import TableEstimator
from study.search_space.candidate import Values
from study.search_space.reading.loading import space_from_text
from study.settings.metrics import MEASURES
from tests.performance_estimation.examples import (
    CANDIDATE,
    IMAGE,
    StopHere,
    ignore,
    small_data,
    stop_here,
)

DOCS = Path(__file__).parents[2] / "docs/estimators.md"

SPACE = space_from_text(
    """\
name: contract
parameters:
  conv_layers: {type: int, low: 1, high: 2}
  channels: {type: categorical, choices: [3, 4]}
  hidden_units: {type: int, low: 4, high: 8}
  norm: batch
  batch_size: 16
  epochs: 3
""",
    image=IMAGE,
)
OTHER = replace(CANDIDATE, architecture=replace(CANDIDATE.architecture, conv_layers=2, channels=3))

every_estimator = pytest.mark.parametrize("name", sorted(ESTIMATORS))


def context_of(**changes: Any) -> EstimatorContext:
    data = small_data()
    search_data = SearchData(
        name="contract",
        split="official",
        image=IMAGE,
        class_names=tuple("abcd"),
        train_images=data.train_images,
        train_labels=data.train_labels,
        val_images=data.val_images,
        val_labels=data.val_labels,
        sha256="",
        notes=(),
    )
    context = EstimatorContext(
        space=SPACE, image=IMAGE, data=search_data, device=torch.device("cpu"), seed=1
    )
    return replace(context, **changes)


def make(name: str, context: EstimatorContext) -> Estimator:
    """Return an estimator as a new process would make it."""
    if name != "table":
        options = parse_estimator("supernet,epochs=3" if name == "supernet" else name)
        options.validate(SPACE, IMAGE)
        return options.make(context)
    rows = SPACE.size() or 0
    curves = np.random.default_rng(0).random((rows, 2, 3))
    table = BenchmarkTable(
        name="contract",
        space=SPACE,
        values=curves[:, :, -1],
        twins=np.arange(rows),
        cost=np.ones(rows),
        curves=curves,
    )
    return TableEstimator(table=table, image=IMAGE)


def estimate(name: str, folder: Path, report: Callable[[Step], None] = ignore) -> Estimate:
    """Return the estimate of the candidate by a new estimator."""
    return make(name, context_of(folder=folder)).estimate(CANDIDATE, seed=3, report=report)


def bits(estimate: Estimate) -> dict[str, str]:
    """Return the metrics to the last bit."""
    return {name: float(value).hex() for name, value in estimate.metrics.items()}


@every_estimator
def test_an_estimate_is_finite_costs_what_the_options_say_and_is_the_last_step(
    name: str, tmp_path: Path
) -> None:
    steps: list[Step] = []
    found = estimate(name, tmp_path, steps.append)
    options = ESTIMATORS[name]()
    assert MEASURES[options.metric or "accuracy"].metric in found.metrics
    assert all(math.isfinite(value) for value in found.metrics.values())
    if name != "table":
        assert found.epochs == options.candidate_epochs(CANDIDATE.recipe.epochs)
    assert found.seconds >= 0
    assert [step.number for step in steps] == list(range(1, len(steps) + 1))
    assert steps[-1].metrics == found.metrics


@every_estimator
def test_the_same_seed_gives_the_same_estimate_and_earlier_estimates_have_no_influence(
    name: str, tmp_path: Path
) -> None:
    first, again = (estimate(name, tmp_path / part) for part in ("a", "b"))
    estimator = make(name, context_of(folder=tmp_path / "c"))
    estimator.estimate(OTHER, seed=4, report=ignore)
    after = estimator.estimate(CANDIDATE, seed=3, report=ignore)
    assert bits(first) == bits(again) == bits(after)


@every_estimator
def test_a_prune_passes_through_and_a_pruned_candidate_can_be_estimated_later(
    name: str, tmp_path: Path
) -> None:
    with pytest.raises(StopHere):
        estimate(name, tmp_path / "a", stop_here)
    later, expected = (estimate(name, tmp_path / part) for part in ("a", "b"))
    assert bits(later) == bits(expected)


@every_estimator
def test_inputs_are_left_alone(name: str, tmp_path: Path) -> None:
    context, before = context_of(folder=tmp_path), repr(CANDIDATE)
    estimator = make(name, context)
    parts = ("train_images", "train_labels", "val_images", "val_labels")
    inputs = [getattr(context.data, part) for part in parts]
    inputs += [
        getattr(estimator, part) for part in ("images", "labels") if hasattr(estimator, part)
    ]
    copies = [tensor.clone() for tensor in inputs]
    estimator.estimate(CANDIDATE, seed=3, report=ignore)
    assert repr(CANDIDATE) == before
    assert all(map(torch.equal, copies, inputs))


@every_estimator
def test_global_generators_and_threads_are_left_alone(name: str, tmp_path: Path) -> None:
    states = torch.get_rng_state(), random.getstate(), repr(np.random.get_state())
    threads = torch.get_num_threads()
    estimate(name, tmp_path)
    assert torch.equal(torch.get_rng_state(), states[0])
    assert (random.getstate(), repr(np.random.get_state())) == states[1:]
    assert torch.get_num_threads() == threads
    assert sys.float_info.min / 2 > 0  # denormal numbers are numbers again


def kill_me() -> None:
    """End this process as a power failure would."""
    os.kill(os.getpid(), signal.SIGKILL)


def killed(name: str, folder: Path) -> None:
    """Estimate the candidate and kill this process in the second epoch, or the only one."""
    last = 2 if name == "train" else 1
    if name == "supernet":
        estimator = cast(SupernetEstimator, make(name, context_of(folder=folder)))
        estimator.supernet.train_epoch(estimator.paths)

        def paths(epoch: int, step: int) -> Sequence[Values]:
            if step == 2:
                kill_me()
            return estimator.paths(epoch, step)

        estimator.supernet.train_epoch(paths)
    estimate(name, folder, lambda step: kill_me() if step.number == last else None)


CHECKPOINTED = ("supernet", "train")


@pytest.mark.parametrize(
    "name",
    [
        *CHECKPOINTED,
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in sorted(set(ESTIMATORS) - {*CHECKPOINTED})
        ),
    ],
)
def test_a_kill_in_the_middle_changes_nothing(name: str, tmp_path: Path) -> None:
    process = multiprocessing.get_context("spawn").Process(
        target=killed, args=(name, tmp_path / "killed")
    )
    process.start()
    process.join(timeout=120)
    assert process.exitcode == -signal.SIGKILL
    assert (tmp_path / "killed").exists() == (name in CHECKPOINTED)
    after, expected = (estimate(name, tmp_path / part) for part in ("killed", "whole"))
    assert bits(after) == bits(expected)


@every_estimator
def test_the_docs_have_every_option_with_its_default(name: str) -> None:
    text = DOCS.read_text("utf-8")
    for option, declared in options_of(ESTIMATORS[name]).items():
        default = declared.default
        shown = default if isinstance(default, str) else f"{default:g}"
        assert f"`{option}={shown}`" in text


@pytest.mark.parametrize("name", ["train", "supernet"])
def test_a_part_of_the_images_is_the_same_for_every_estimator_of_a_study(name: str) -> None:
    context = context_of(image=replace(IMAGE, size=10), fraction=0.5)
    made = [cast(Any, make(name, context)) for _ in range(2)]
    data, again = (e.data if name == "train" else e.supernet.data for e in made)
    assert torch.equal(data.train_images, again.train_images)
    assert data.train_images.shape == (24, 1, 10, 10)
    assert data.val_images.shape == (32, 1, 10, 10)
    assert torch.bincount(data.train_labels).tolist() == [6, 6, 6, 6]
