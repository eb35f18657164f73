from __future__ import annotations

import csv
import io
import time

from study.report.csv_report import to_csv
from tests.report.builders import failed, seed_study, seed_trial, stages_study, summary


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_every_parameter_and_measure_has_a_column() -> None:
    row = rows(to_csv([seed_trial(4, value=0.8193)], summary()))[0]
    assert row["number"] == "4"
    assert row["value:val_accuracy"] == "0.8193"
    assert row["param:hidden_units"] == "219"
    assert row["metric:val_auc"] == repr(0.8193 / 2 + 0.5)
    assert row["network"].startswith("conv3-32")


def test_numbers_come_back_exactly() -> None:
    records = [r for r in seed_study() if r.state == "complete"]
    read = rows(to_csv(records, summary()))
    assert [float(row["value:val_accuracy"]) for row in read] == [r.value for r in records]


def test_what_is_inactive_or_absent_is_an_empty_cell() -> None:
    read = rows(to_csv([*stages_study(5), failed(9)], summary(parameters=())))
    assert any(row["param:stage6.kernel"] == "" for row in read)
    assert read[-1]["value:val_accuracy"] == ""
    assert read[-1]["failure"] == "out of memory"


def test_no_cell_is_a_formula() -> None:
    record = failed(0, params={"dropout": 0.2}, reason="=cmd|' /C calc'!A0", candidate_id="@x")
    row = rows(to_csv([record], summary()))[0]
    assert row["reason"] == "'=cmd|' /C calc'!A0"
    assert row["candidate_id"] == "'@x"


def test_negative_numbers_stay_numbers() -> None:
    row = rows(to_csv([seed_trial(0, value=-0.5)], summary()))[0]
    assert row["value:val_accuracy"] == "-0.5"


def test_five_thousand_trials_take_no_longer_than_seconds() -> None:
    start = time.perf_counter()
    to_csv([seed_trial(0)] * 5_000, summary())
    assert time.perf_counter() - start < 5
