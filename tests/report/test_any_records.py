"""Every format of the report can be made from any records that a storage could hold."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import math
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from study.report.data_formats import render_csv, render_json
from study.report.leaderboard import leaderboard
from study.report.network_drawing import architecture_svg
from study.report.study_summary import StudySummary
from study.report.trial_document import study_note, trial_note
from study.search_space.candidate import Architecture
from study.storage.records import Draw, Failure, TrialRecord
from tests.report import rendered
from tests.report.builders import (
    PASSWORD,
    duplicate,
    failed,
    full_summary,
    pruned,
    seed_trial,
    stored,
    summary,
    two_objectives,
)

TEXT = st.text(max_size=12)
NUMBERS = st.floats(allow_nan=True, allow_infinity=True)
VALUES = st.one_of(st.integers(-5, 10**6), NUMBERS, TEXT, st.booleans())
NAMES = st.sampled_from(
    ["conv_layers", "dropout", "optimizer", "flip", "stage1.kernel", "stage2.pool", "a|b", "<b>"]
)
MEASURES: st.SearchStrategy[Mapping[str, float]] = st.dictionaries(
    st.sampled_from(["val_accuracy", "val_auc", "macs", "odd|name"]), NUMBERS, max_size=3
)
STACKS: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.just({}),
    st.just({"image": 3}),
    st.builds(
        lambda depth, head: stored(Architecture(conv_layers=depth, head=head)),
        st.integers(1, 5),
        st.sampled_from(["flatten", "global_average"]),
    ),
)
TIMES = st.one_of(
    st.none(),
    st.datetimes(dt.datetime(2020, 1, 1), dt.datetime(2030, 1, 1)),
    st.datetimes(dt.datetime(2020, 1, 1), dt.datetime(2030, 1, 1), timezones=st.just(dt.UTC)),
)


def _record(number: int) -> st.SearchStrategy[TrialRecord]:
    return st.builds(
        TrialRecord,
        number=st.just(number),
        state=st.sampled_from(["complete", "pruned", "failed", "running", "waiting"]),
        objectives=st.lists(NUMBERS, max_size=2).map(tuple),
        params=st.dictionaries(NAMES, VALUES, max_size=8),
        draw=st.one_of(st.none(), st.builds(Draw, sequence_index=st.integers(0, 9))),
        candidate_id=st.sampled_from(["", "aaaa", "bbbb", "cccc"]),
        architecture=STACKS,
        parameters=st.one_of(st.none(), st.integers(0, 10**9)),
        macs=st.one_of(st.none(), st.integers(0, 10**9)),
        metrics=MEASURES,
        intermediate=st.dictionaries(st.integers(1, 20), NUMBERS, max_size=4),
        epochs=st.floats(0, 100),
        seconds=st.floats(0, 1e6),
        reused_from=st.one_of(st.none(), st.integers(0, 9), st.just("other/3")),
        failure=st.one_of(st.none(), st.builds(Failure, kind=TEXT, text=TEXT)),
        reason=st.one_of(st.none(), TEXT),
        worker=st.one_of(
            st.just({}), st.fixed_dictionaries({"label": TEXT}), st.just({"host": "h", "pid": 1})
        ),
        started=TIMES,
        finished=TIMES,
    )


RECORDS: st.SearchStrategy[list[TrialRecord]] = st.integers(0, 6).flatmap(
    lambda count: st.tuples(*(_record(number) for number in range(count))).map(list)
)

SUMMARIES = {
    "one objective": summary(),
    "minimised": summary(
        objectives=(two_objectives()[1],), parameters=(), processes=(), target=None
    ),
    "two objectives": summary(objectives=two_objectives()),
    "tested": full_summary(),
}


def strictly(text: str) -> Any:
    """Read JSON; fail for what strict JSON does not have."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(text, parse_constant=refuse)


def make_everything(records: list[TrialRecord], study: StudySummary) -> None:
    """Make every format and check its form."""
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


def test_no_format_contains_a_password() -> None:
    url = f"postgresql://nas:{PASSWORD}@h/db"
    records = [failed(0, reason=f"lost {url}")]
    study = summary(resume=f"resume seed --storage {url}", settings={"storage": url})
    texts = [
        rendered.html(records, study),
        rendered.markdown(records, study),
        rendered.terminal(records, study),
        rendered.best(records, study),
        render_json(records, study),
        render_csv(records, study),
        study_note(records, study),
        trial_note(records[0], study),
    ]
    assert [PASSWORD in text for text in texts] == [False] * len(texts)
    assert "postgresql://nas:***@h/db" in render_json(records, study)
