"""Tests of benchmarks/pruner_study.py and benchmarks/paired_searches.py."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from benchmarks.paired_searches import Find, Search, compare, search_of, table
from benchmarks.pruner_study import default_searches, study, table_ground
from study.common.errors import SettingsError
from study.storage.records import TrialRecord

SPACE = """
name: planted
parameters:
  epochs: 3
  conv_layers: {type: int, low: 1, high: 3}
  hidden_units: {type: int, low: 16, high: 256, step: 16}
"""
EPOCHS = 9


def record(number: int, epochs: float, value: float | None, **more: object) -> TrialRecord:
    return TrialRecord(
        number=number,
        state="pruned" if value is None else "complete",
        objectives=(0.1,) if value is None else (value,),
        epochs=epochs,
        **more,  # type: ignore[arg-type]
    )


def test_a_search_is_what_it_found_with_all_it_trained_by_then() -> None:
    records = [
        record(0, 3, 0.5),
        record(1, 1, None),
        record(2, 3, 0.4),
        record(3, 3, 0.75, restored=1),
        record(4, 0, 0.75, reused_from=3),
    ]
    found = search_of(records, lambda r: (r.value or 0) - 0.1)
    assert found == (
        Find(epochs=3, value=0.5, fresh=0.4),
        Find(epochs=9, value=0.75, fresh=0.65),
    )


def searches(*finds: tuple[float, float]) -> Search:
    return tuple(Find(epochs=epochs, value=value, fresh=value) for epochs, value in finds)


def test_searches_are_compared_at_equal_epochs() -> None:
    references = [searches((10, 0.5), (60, 0.8)), searches((40, 0.8))]
    quick = [searches((5, 0.6), (18, 0.81)), searches((9, 0.8))]
    row = compare("quick", quick, references, epochs=100, noise=0.0)
    assert row.median_share == pytest.approx((0.18 + 0.09) / 2)
    assert row.reached == (1, 2, 2)
    assert [mean for mean, _, _ in row.differences] == pytest.approx([-0.1, 0.005, 0.005])
    assert row.differences[0][1] <= row.differences[0][0] <= row.differences[0][2]


def test_a_value_within_noise_counts_as_reached_and_a_worse_one_never() -> None:
    references = [searches((50, 0.8))]
    near, far = [searches((10, 0.79))], [searches((10, 0.7))]
    assert compare("near", near, references, epochs=100, noise=0.02).median_share == 0.1
    row = compare("far", far, references, epochs=100, noise=0.02)
    assert row.median_share == math.inf
    assert "| never [never, never] | 0 | 0 |" in table([row], reference="random")


def test_a_search_without_a_find_yet_has_nothing_to_show() -> None:
    row = compare("late", [searches((90, 0.8))], [searches((9, 0.8))], epochs=100, noise=0.0)
    assert math.isnan(row.differences[0][0])
    assert "| nothing yet | nothing yet | +0.00" in table([row], reference="random")


def test_pruners_that_could_never_stop_anything_are_not_searched_with() -> None:
    assert "tpe/learning_curve" in default_searches(12)
    assert "tpe/learning_curve" not in default_searches(3)
    assert "tpe/none" not in default_searches(12)


@pytest.fixture
def planted(tmp_path: Path) -> Path:
    """A table in which the first epoch tells all: half the final value, in the final order."""
    rng = np.random.default_rng(0)
    final = np.sort(rng.uniform(0.4, 0.9, 48))[rng.permutation(48)]
    values = np.stack([final, final + 0.001 * rng.standard_normal(48)], axis=1)
    rise = np.linspace(0.5, 1.0, EPOCHS)
    path = tmp_path / "planted.npz"
    np.savez(path, values=values, curves=values[:, :, None] * rise)
    path.with_suffix(".yaml").write_text(SPACE, encoding="utf-8")
    return path


def test_a_table_without_curves_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "flat.npz"
    np.savez(path, values=np.zeros((48, 2)))
    path.with_suffix(".yaml").write_text(SPACE, encoding="utf-8")
    with pytest.raises(SettingsError, match="needs curves and two seeds"):
        table_ground(str(path))


@pytest.mark.slow
def test_a_pruner_that_must_win_wins(planted: Path) -> None:
    ground = table_ground(str(planted))
    text = study(ground, ["random/one_epoch"], seeds=2, spend=1.0)
    assert "A plain search trains 135 epochs: 15 candidates for 9." in text
    at_the_end = {}
    for line in text.split("\n\n")[1].splitlines()[2:]:
        cells = [cell.strip() for cell in line.split("|")]
        at_the_end[cells[1]] = float(cells[8].split()[0])
    assert at_the_end["random/one_epoch"] > at_the_end["random/none"]
