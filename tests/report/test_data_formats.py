from __future__ import annotations

import csv
import io
import json
import math

from study.report.data_formats import json_report, render_csv, render_json
from tests.report.builders import (
    duplicate,
    failed,
    pruned,
    seed_study,
    seed_trial,
    stages_study,
    summary,
    two_objectives,
)

TRIAL_KEYS = {
    "number", "state", "value", "params", "candidate_id", "metrics", "epochs", "seconds",
    "parameters", "macs", "reused_from", "failure", "reason", "sequence_index",
}  # fmt: skip


def test_every_trial_has_every_key() -> None:
    report = json_report([seed_trial(0), pruned(1), failed(2), duplicate(3, 0)], summary())
    keys = {frozenset(trial) for trial in report["trials"]}
    assert len(keys) == 1
    assert keys.pop() >= TRIAL_KEYS


def test_a_duplicate_names_its_original_and_a_trained_trial_null() -> None:
    trials = json_report([seed_trial(0), duplicate(1, 0), duplicate(2, "old/5")], summary())[
        "trials"
    ]
    assert [trial["reused_from"] for trial in trials] == [None, 0, "old/5"]


def test_the_best_is_one_of_the_trials_or_null() -> None:
    report = json_report([seed_trial(0, value=0.7), seed_trial(1, value=0.9)], summary())
    assert report["best"] == report["trials"][1]
    assert json_report([failed(0)], summary())["best"] is None


def test_what_is_no_number_becomes_null() -> None:
    record = seed_trial(0, value=math.nan, metrics={"val_loss": math.inf, "val_auc": 0.5})
    trial = json.loads(render_json([record], summary()))["trials"][0]
    assert trial["value"] is None
    assert trial["metrics"] == {"val_loss": None, "val_auc": 0.5}


def test_two_objectives_are_lists_and_the_best_a_front() -> None:
    records = [seed_trial(0, objectives=(0.9, 9.0)), seed_trial(1, objectives=(0.8, 10.0))]
    report = json_report(records, summary(objectives=two_objectives()))
    assert report["direction"] == ["maximize", "minimize"]
    assert report["metric"] == ["val_accuracy", "macs"]
    assert [trial["number"] for trial in report["best"]] == [0]


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_numbers_come_back_exactly() -> None:
    records = [r for r in seed_study() if r.state == "complete"]
    read = rows(render_csv(records, summary()))
    assert [float(row["value:val_accuracy"]) for row in read] == [r.value for r in records]


def test_what_is_inactive_or_absent_is_an_empty_cell() -> None:
    read = rows(render_csv([*stages_study(5), failed(9)], summary(parameters=())))
    assert any(row["param:stage6.kernel"] == "" for row in read)
    assert read[-1]["value:val_accuracy"] == ""
    assert read[-1]["failure"] == "out of memory"


def test_no_cell_is_a_formula() -> None:
    record = failed(0, params={"dropout": 0.2}, reason="=cmd|' /C calc'!A0", candidate_id="@x")
    row = rows(render_csv([record], summary()))[0]
    assert row["reason"] == "'=cmd|' /C calc'!A0"
    assert row["candidate_id"] == "'@x"


def test_negative_numbers_stay_numbers() -> None:
    row = rows(render_csv([seed_trial(0, value=-0.5)], summary()))[0]
    assert row["value:val_accuracy"] == "-0.5"
