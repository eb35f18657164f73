from __future__ import annotations

import numpy as np
import pytest

from study.bundle.chosen_network import final_figures, validation_figures
from study.final_test.measure import UnderTest, final_test
from study.final_test.result import ACCURACY, AUC, CALIBRATION
from study.statistics.intervals import next_value_interval, t_interval, wilson


def test_validation_figures_carry_what_sibling_runs_say() -> None:
    runs = [0.80, 0.81, 0.82]
    figures = validation_figures(
        {"val_accuracy": 0.8193, "val_auc": 0.95}, images=758, siblings={"val_accuracy": runs}
    )
    accuracy = figures["val_accuracy"]
    assert accuracy.over_images == wilson(621, 758)
    assert accuracy.mean == pytest.approx(0.81)
    assert accuracy.over_seeds == t_interval(runs)
    assert accuracy.next_run == next_value_interval(runs)
    assert figures["val_auc"].over_images is None
    assert figures["val_auc"].mean is None


def test_final_figures_are_those_of_the_first_seeds_network() -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(80) % 4
    scores = {seed: rng.normal(size=(80, 4)) for seed in (9, 3)}
    tested = UnderTest(
        candidate_id="c",
        number=1,
        access=1,
        dataset="d",
        size=28,
        class_names=("a", "b", "c", "d"),
    )
    result = final_test(scores, labels, tested=tested)
    figures = final_figures(result)
    assert figures[ACCURACY].value == result.networks[0].measures[ACCURACY]
    assert figures[ACCURACY].over_images == result.first.intervals[ACCURACY]
    assert figures[AUC].mean == result.over_seeds[AUC].mean
    assert figures[CALIBRATION].over_images is None
    assert figures[CALIBRATION].next_run is not None
