"""Every estimator keeps the contract."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from torch import Tensor

from study.performance_estimation.checkpoint import Checkpoint
from study.performance_estimation.estimator import Estimator, Step
from study.performance_estimation.estimators import EstimatorSetup
from study.performance_estimation.supernet import Supernet, SupernetSettings
from study.performance_estimation.supernet_estimator import SupernetEstimator
from study.performance_estimation.supernet_paths import sandwich, source
from study.performance_estimation.synthetic import SyntheticEstimator
from study.performance_estimation.table import Table
from study.performance_estimation.table_estimator import TableEstimator
from study.performance_estimation.train_estimator import TrainEstimator
from study.performance_estimation.training import TrainingData
from study.performance_estimation.zero_cost import MEANINGS, ZeroCostEstimator
from study.search_space.space import CategoricalParameter, IntParameter, SearchSpace
from tests.performance_estimation.estimator_contract import (
    IMAGE,
    CheckpointContract,
    EstimatorContract,
    kill_me,
    small_data,
)

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
        setup = EstimatorSetup(space=SPACE, image=IMAGE, folder=folder)
        return TrainEstimator(setup=setup, data=small_data())

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
        table = Table(
            name="contract",
            space=SPACE,
            values=curves[:, :, -1],
            twins=np.arange(rows),
            cost=np.ones(rows),
            curves=curves,
        )
        return TableEstimator(table=table, image=IMAGE)


@pytest.mark.parametrize("proxy", sorted(MEANINGS))
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
            checkpoint=Checkpoint(path=folder / "supernet.pt"),
        )
        return SupernetEstimator(supernet=supernet, paths=source(sandwich, SPACE, IMAGE, seed=1))

    def inputs(self, estimator: Estimator) -> Sequence[Tensor]:
        return tensors(cast(SupernetEstimator, estimator).supernet.data)

    def killed(self, folder: Path) -> None:
        estimator = self.make(folder)
        steps = iter(range(100))

        def interrupted() -> bool:
            if next(steps) == 4:  # in the second epoch of three steps
                kill_me()
            return False

        estimator.supernet.train_epoch(estimator.paths, interrupted=interrupted)
        estimator.supernet.train_epoch(estimator.paths, interrupted=interrupted)
