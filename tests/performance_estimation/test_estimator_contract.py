"""Every estimator satisfies the contract."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import Tensor

from study.common.choices import options_of
from study.data.dataset import SearchData
from study.performance_estimation.estimator import Estimator, EstimatorContext, Step
from study.performance_estimation.registry import ESTIMATORS, parse_estimator
from study.performance_estimation.supernet.paths import sandwich, source
from study.performance_estimation.supernet.supernet import Supernet, SupernetSettings
from study.performance_estimation.supernet.supernet_estimator import SupernetEstimator
from study.performance_estimation.synthetic import SyntheticEstimator
from study.performance_estimation.tabular.table import BenchmarkTable
from study.performance_estimation.tabular.table_estimator import TableEstimator
from study.performance_estimation.training.data import TrainingData
from study.performance_estimation.training.train_estimator import TrainEstimator
from study.performance_estimation.zero_cost import PROXIES, ZeroCostEstimator
from study.search_space.candidate import Values
from study.search_space.parameter import CategoricalParameter, IntParameter
from study.search_space.space import SearchSpace
from study.settings.metrics import MEASURES
from tests.performance_estimation.estimator_contract import (
    CANDIDATE,
    IMAGE,
    CheckpointContract,
    EstimatorContract,
    bits,
    ignore,
    kill_me,
    small_data,
)

DOCS = Path(__file__).parents[2] / "docs/estimators.md"

SPACE = SearchSpace(
    name="contract",
    parameters=(
        IntParameter(name="conv_layers", low=1, high=2),
        CategoricalParameter(name="channels", choices=(3, 4)),
        IntParameter(name="hidden_units", low=4, high=8),
    ),
    fixed={"norm": "batch", "batch_size": 16},
)


def tensors(data: TrainingData) -> Sequence[Tensor]:
    return data.train_images, data.train_labels, data.val_images, data.val_labels


class TestSynthetic(EstimatorContract):
    def make(self, folder: Path) -> Estimator:
        return SyntheticEstimator(image=IMAGE)


class TestTrain(CheckpointContract):
    def make(self, folder: Path) -> Estimator:
        context = EstimatorContext(space=SPACE, image=IMAGE, folder=folder)
        return TrainEstimator(context=context, data=small_data())

    def inputs(self, estimator: Estimator) -> Sequence[Tensor]:
        return tensors(cast(TrainEstimator, estimator).data)

    def killed(self, folder: Path) -> None:
        def report(step: Step) -> None:
            if step.number == 2:
                kill_me()

        self.estimate(folder, report)


class TestTable(EstimatorContract):
    def make(self, folder: Path) -> Estimator:
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


@pytest.mark.parametrize("proxy", sorted(PROXIES))
class TestZeroCost(EstimatorContract):
    @pytest.fixture(autouse=True)
    def _choose(self, proxy: str) -> None:
        self.proxy = proxy

    def make(self, folder: Path) -> Estimator:
        data = small_data()
        return ZeroCostEstimator(
            proxy=self.proxy,
            image=IMAGE,
            images=data.train_images[:16],
            labels=data.train_labels[:16],
        )

    def inputs(self, estimator: Estimator) -> Sequence[Tensor]:
        scored = cast(ZeroCostEstimator, estimator)
        return scored.images, scored.labels


class TestSupernet(CheckpointContract):
    def make(self, folder: Path) -> SupernetEstimator:
        supernet = Supernet(
            space=SPACE,
            image=IMAGE,
            data=small_data(),
            settings=SupernetSettings(seed=1, epochs=3),
            checkpoint=folder / "supernet.pt",
        )
        return SupernetEstimator(supernet=supernet, paths=source(sandwich, SPACE, IMAGE, seed=1))

    def inputs(self, estimator: Estimator) -> Sequence[Tensor]:
        return tensors(cast(SupernetEstimator, estimator).supernet.data)

    def killed(self, folder: Path) -> None:
        estimator = self.make(folder)
        estimator.supernet.train_epoch(estimator.paths)

        def paths(epoch: int, step: int) -> Sequence[Values]:
            if step == 2:
                kill_me()
            return estimator.paths(epoch, step)

        estimator.supernet.train_epoch(paths)


def test_the_classes_above_test_every_estimator_of_the_registry() -> None:
    assert set(ESTIMATORS) == {"synthetic", "train", "table", "supernet", *PROXIES}


@pytest.mark.parametrize("name", sorted(ESTIMATORS))
def test_the_docs_have_every_option_with_its_default(name: str) -> None:
    text = DOCS.read_text("utf-8")
    for option, declared in options_of(ESTIMATORS[name]).items():
        default = declared.default
        shown = default if isinstance(default, str) else f"{default:g}"
        assert f"`{option}={shown}`" in text


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


@pytest.mark.parametrize("name", sorted(set(ESTIMATORS) - {"table"}))
def test_an_estimator_made_from_its_name_is_repeatable_and_costs_what_it_says(
    name: str, tmp_path: Path
) -> None:
    options = parse_estimator("supernet,epochs=2" if name == "supernet" else name)
    options.validate(SPACE, IMAGE)
    first, again = (
        options.make(context_of(folder=tmp_path / part)).estimate(CANDIDATE, seed=3, report=ignore)
        for part in ("a", "b")
    )
    assert bits(first) == bits(again)
    assert first.epochs == options.candidate_epochs(CANDIDATE.recipe.epochs)
    assert MEASURES[options.metric or "accuracy"].metric in first.metrics


@pytest.mark.parametrize("name", ["train", "supernet"])
def test_a_part_of_the_images_is_the_same_for_every_estimator_of_a_study(name: str) -> None:
    context = context_of(image=replace(IMAGE, size=10), fraction=0.5)
    made = [cast(Any, parse_estimator(name).make(context)) for _ in range(2)]
    data, again = (e.data if name == "train" else e.supernet.data for e in made)
    assert torch.equal(data.train_images, again.train_images)
    assert data.train_images.shape == (24, 1, 10, 10)
    assert data.val_images.shape == (32, 1, 10, 10)
    assert torch.bincount(data.train_labels).tolist() == [6, 6, 6, 6]
