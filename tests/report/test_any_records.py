"""Whatever lies in a storage, every format of the report can be made of it."""

from __future__ import annotations

import csv
import io
import json
import math
from typing import Any

import pytest
from hypothesis import given, settings

from study.report.data_formats import render_csv, render_json
from study.report.leaderboard import leaderboard
from study.report.network_drawing import architecture_svg
from study.report.study_summary import StudySummary
from study.report.trial_document import study_note, trial_note
from study.storage.records import TrialRecord
from tests.report import rendered
from tests.report.builders import (
    duplicate,
    failed,
    full_summary,
    pruned,
    seed_trial,
    summary,
    two_objectives,
)
from tests.report.strategies import RECORDS

SUMMARIES = {
    "one objective": summary(),
    "minimised": summary(
        objectives=(two_objectives()[1],), parameters=(), processes=(), target=None
    ),
    "two objectives": summary(objectives=two_objectives()),
    "tested": full_summary(),
}


def strictly(text: str) -> Any:
    """Read JSON, refusing what strict JSON does not have."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(text, parse_constant=refuse)


def make_everything(records: list[TrialRecord], study: StudySummary) -> None:
    """Make every format and look whether it has the right form."""
    assert len(strictly(render_json(records, study))["trials"]) == len(records)
    assert len(list(csv.reader(io.StringIO(render_csv(records, study))))) == len(records) + 1
    table = leaderboard(records, study)
    assert len(table.rows) == len(records)
    assert all(len(row) == len(table.columns) for row in table.rows)
    for width in (None, 60):
        assert rendered.terminal(records, study, width=width).endswith("\n")
    assert rendered.best(records, study)
    assert rendered.markdown(records, study).startswith("# ")
    assert study_note(records, study)
    for record in records:
        assert trial_note(record, study)
        architecture_svg(record.architecture)
    for figure in rendered.all_figures(records, study):
        assert figure.text
        assert figure.svg or strictly(figure.plot.to_json())


@pytest.mark.parametrize("study", SUMMARIES.values(), ids=SUMMARIES)
@settings(max_examples=max(20, settings().max_examples // 4))  # each makes every figure
@given(records=RECORDS)
def test_any_records_give_every_format(study: StudySummary, records: list[TrialRecord]) -> None:
    make_everything(records, study)


@settings(max_examples=8, deadline=None)
@given(records=RECORDS)
def test_any_records_give_a_page(records: list[TrialRecord]) -> None:
    page = rendered.html(records, summary())
    assert page.startswith("<!doctype html>")
    assert page.endswith("</html>\n")


STUDIES = {
    "no trials": [],
    "one trial": [seed_trial(0)],
    "all failed": [failed(0), failed(1, "killed"), failed(2, "non-finite")],
    "only duplicates of another study": [duplicate(0, "old/3"), duplicate(1, "old/4")],
    "only duplicates of trials that are gone": [duplicate(5, 1), duplicate(6, 2)],
    "only pruned": [pruned(0), pruned(1)],
    "not a number": [seed_trial(0, value=math.nan), seed_trial(1, value=math.inf)],
    "all alike": [seed_trial(number, value=0.5) for number in range(4)],
    "just begun": [TrialRecord(number=0, state="running"), TrialRecord(number=1, state="waiting")],
}


@pytest.mark.parametrize("study", SUMMARIES.values(), ids=SUMMARIES)
@pytest.mark.parametrize("records", STUDIES.values(), ids=STUDIES)
def test_an_odd_study_gives_every_format(records: list[TrialRecord], study: StudySummary) -> None:
    make_everything(records, study)
    assert rendered.html(records, study).endswith("</html>\n")
