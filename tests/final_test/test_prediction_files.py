from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from medmnist.evaluator import Evaluator

from study.final_test.measure import UnderTest, final_test
from study.final_test.prediction_files import prediction_files
from study.final_test.result import ACCURACY, AUC


@pytest.mark.parametrize("size", [28, 64])
def test_medmnists_evaluator_finds_the_same_figures_in_the_files(
    tmp_path: Path, size: int
) -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 4
    scores = {seed: rng.normal(size=(60, 4)) for seed in (5, 8)}
    tested = UnderTest(
        candidate_id="c",
        number=0,
        access=1,
        dataset="octmnist",
        size=size,
        class_names=("a", "b", "c", "d"),
    )
    result = final_test(scores, labels, tested=tested)
    mark = "" if size == 28 else f"_{size}"
    np.savez(tmp_path / f"octmnist{mark}.npz", test_labels=labels[:, None])
    evaluator = Evaluator("octmnist", "test", size=size, root=str(tmp_path))
    files = prediction_files(scores, result)
    assert len(files) == 2
    for network, (name, text) in zip(result.networks, files.items(), strict=True):
        (tmp_path / name).write_text(text)
        written = np.loadtxt(tmp_path / name, delimiter=",")
        auc, accuracy = found = evaluator.evaluate(written[:, 1:])
        assert accuracy == network.measures[ACCURACY]
        assert auc == pytest.approx(network.measures[AUC])
        assert name == evaluator.get_standard_evaluation_filename(found, run=network.seed)
