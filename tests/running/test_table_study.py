"""A table replayed as a stored study: values, curves, duplicates, pruners, budgets and errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from study.common.errors import StudyError
from study.performance_estimation.tabular.table_file import load_table
from study.report.study_summary import summarise_study
from study.running.study_runner import run_study
from study.settings.run_context import RunContext
from study.settings.study_settings import StudySettings
from study.storage.records import TrialRecord
from study.storage.stored_study import load_trials
from tests.benchmarking.tables import SPACE, arrays, write_table
from tests.report import rendered
from tests.studies import settings

NETWORKS = """\
parameters:
  conv_layers: {type: int, low: 1, high: 3}
  channels: {type: categorical, choices: [4, 8, 16]}
  dropout: {type: float, low: 0, high: 0.2, step: 0.1}
  norm: {type: categorical, choices: [none, batch]}
  learning_rate: {type: categorical, choices: [0.1, 0.01, 0.001]}
"""


def _settings(path: Path, **changes: Any) -> StudySettings:
    values = {
        "space_name": "layers.yaml",
        "space_text": SPACE,
        "dataset": "octmnist",
        "estimator": f"table,file={path}",
        "sampler": "random",
        "trials": 10,
    }
    return settings(**{**values, **changes})


def _run(path: Path, **changes: Any) -> tuple[TrialRecord, ...]:
    run_context = RunContext(url=f"sqlite:///{path.parent}/study.db", device="cpu")
    return run_study(_settings(path, **changes), run_context).trials


def _trained(trials: tuple[TrialRecord, ...]) -> list[TrialRecord]:
    return [trial for trial in trials if trial.reused_from is None]


def test_trials_are_the_tables_trainings_with_curve_cost_and_sizes(tmp_path: Path) -> None:
    path = write_table(tmp_path)
    table = load_table(path)
    for trial in _trained(_run(path)):
        row, column = table.row(trial.params), trial.facts["column"]
        assert trial.value == pytest.approx(table.values[row, column], abs=1e-11)
        assert table.curves is not None
        assert list(trial.intermediate.values()) == pytest.approx(table.curves[row, column])
        assert (trial.parameters, trial.macs) == (
            100 + trial.facts["cost"] - 1,
            999 + trial.facts["cost"],
        )
        assert (trial.epochs, trial.restored) == (3, 0)


def test_percent_is_stored_as_a_share(tmp_path: Path) -> None:
    path = write_table(tmp_path, values=100 * arrays()["values"], curves=None)
    assert all(0 < trial.objectives[0] < 1 for trial in _run(path, trials=3))


def test_duplicates_in_the_table_are_trained_once_and_cost_nothing(tmp_path: Path) -> None:
    columns = arrays()
    for name in ("values", "curves"):
        columns[name][9:] = columns[name][9]
    columns["twins"][9:] = 9
    trials = _run(write_table(tmp_path, **columns), trials=3)
    trained = _trained(trials)

    assert len({trial.candidate_id for trial in trained}) == len(trained) == 3
    assert len(trials) > 3
    assert {trial.epochs for trial in trials if trial.reused_from is not None} == {0}


def test_pruners_see_the_curves_and_save_epochs(tmp_path: Path) -> None:
    path = write_table(tmp_path)
    trials = _run(path, trials=20, pruner="median,first_epoch=1")

    pruned = [trial for trial in trials if trial.state == "pruned"]
    assert pruned
    assert all(trial.epochs < 3 for trial in pruned)


def test_an_epochs_budget_counts_the_steps_of_the_curves(tmp_path: Path) -> None:
    path = write_table(tmp_path)
    assert len(_trained(_run(path, trials=None, epochs_budget=13.0))) == 4


@pytest.mark.parametrize("dataset", ["octmnist", "digits"])
def test_a_table_of_networks_takes_any_space_whose_candidates_it_has(
    tmp_path: Path, dataset: str
) -> None:
    count = 3 * 3 * 3 * 2 * 3
    values = arrays()["values"][[i % 81 for i in range(count)]]
    path = write_table(
        tmp_path, values=values, **dict.fromkeys(("curves", "cost", "twins", "parameters", "macs"))
    )
    path.with_suffix(".yaml").write_text(NETWORKS, encoding="utf-8")
    part = NETWORKS.replace("low: 1, high: 3", "low: 2, high: 3").replace("[4, 8, 16]", "[16, 4]")
    trials = _run(path, space_text=part, space_name="part.yaml", dataset=dataset)

    assert all(trial.architecture["blocks"] for trial in trials)
    table = load_table(path)
    for trial in _trained(trials):
        assert trial.value == pytest.approx(
            table.values[table.row(trial.params), trial.facts["column"]], abs=1e-11
        )
    other = NETWORKS.replace("0.2, step: 0.1", "0.4, step: 0.2")
    with pytest.raises(StudyError, match=r"table layers: has no row .* take the space beside"):
        _run(path, space_text=other, study="other")
    endless = NETWORKS.replace(", step: 0.1", "")
    with pytest.raises(StudyError, match="without countable values"):
        _run(path, space_text=endless, study="endless")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"estimator": "table"}, "file is missing; write table,file="),
        ({"estimator": "table,file=gone.npz"}, "no such table"),
        ({"estimator": "table,path=x"}, "unknown option"),
        ({"objectives": ("auc",)}, "table layers does not contain it; it contains accuracy, macs"),
        ({"objectives": ("accuracy", "latency")}, "table layers does not contain it"),
        ({"epochs": 2}, "--epochs: the trainings of table layers were made beforehand"),
        ({"fraction": 0.5}, "--fraction"),
        (
            {"space_text": "parameters:\n  layer1: {type: int, low: 0, high: 1}\n"},
            "has no row for",
        ),
        ({"space_text": "parameters:\n  layer1: 3\n"}, "layers.yaml:2: layer1"),
        ({"screen": "macs:20"}, "--screen"),
    ],
)
def test_what_a_table_cannot_answer_is_refused_before_anything_is_stored(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    path = write_table(tmp_path)
    with pytest.raises(StudyError, match=message):
        _run(path, **changes)
    assert not (tmp_path / "study.db").exists()


def test_another_table_under_the_same_name_is_refused_on_resume(tmp_path: Path) -> None:
    path = write_table(tmp_path)
    _run(path, trials=3)
    write_table(tmp_path, values=arrays()["values"] * 0.9, curves=None)
    with pytest.raises(StudyError, match="the content of 'table layers' is not what was stored"):
        _run(path, trials=6)


def test_a_study_on_a_table_is_reported_without_the_table(tmp_path: Path) -> None:
    path = write_table(tmp_path)
    _run(path, objectives=("accuracy", "macs"), sampler="random")
    path.unlink()
    stored, records = load_trials("test", f"sqlite:///{tmp_path}/study.db")
    summary = summarise_study(stored, records)

    assert "layer1" in rendered.html(records, summary)


def test_grid_points_of_a_study_thin_the_grid_alone(tmp_path: Path) -> None:
    path = write_table(tmp_path)
    path.with_suffix(".yaml").write_text(
        "parameters:\n  a: {type: int, low: 1, high: 161, step: 2}\n", encoding="utf-8"
    )
    thinned = "parameters:\n  a: {type: int, low: 1, high: 161, step: 2, grid_points: 9}\n"
    grid = _run(path, space_text=thinned, sampler="grid", study="grid", trials=20)
    assert len(grid) == 9
    drawn = _run(path, space_text=thinned, study="random", trials=20)
    assert len({trial.params["a"] for trial in _trained(drawn)}) == 20
    beyond = thinned.replace(" step: 2,", "").replace("grid_points: 9", "grid_points: 81")
    with pytest.raises(StudyError, match="has no row for"):
        _run(path, space_text=beyond, study="beyond")
