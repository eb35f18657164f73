"""The whole report in each format, as files to read; ``UPDATE_GOLDEN=1`` writes them again."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from study.report.data_formats import render_csv, render_json
from study.report.figures import study_figures
from study.report.html import render_html
from study.report.study_document import study_document
from study.report.study_summary import StudySummary
from study.report.trial_document import study_note, trial_note
from study.storage.records import Draw
from tests.report import rendered
from tests.report.builders import (
    duplicate,
    failed,
    full_summary,
    pruned,
    seed_study,
    seed_trial,
    stages_study,
    summary,
    two_objectives,
)

GOLDEN = Path(__file__).parent / "golden"
RECORDS = (
    seed_trial(0, value=0.79),
    seed_trial(7, value=0.8193),
    duplicate(8, 7, 0.8193),
    pruned(9),
    failed(10),
)


def page(records: rendered.Records, study: StudySummary) -> str:
    """Return the page without figures, scripts and styles."""
    text = render_html(study_document(records, study))
    return re.sub(r"<style>.*?</style>\n", "", text, flags=re.DOTALL)


def notes(records: rendered.Records, study: StudySummary) -> str:
    """Return the dashboard's notes of the study and of trials of every kind."""
    facts = {"confusion": [[30, 2], [5, 1200]]}
    repeated = seed_trial(11, draw=Draw(sequence_index=4, retry_of=4), restored=2.0, facts=facts)
    trials = (*records, repeated, *stages_study(1))
    named = summary(classes=("grey", "white"))
    return "\n".join([study_note(records, study), *(trial_note(each, named) for each in trials)])


def figures(records: rendered.Records, study: StudySummary) -> str:
    """Return the title, the text and the names of the traces of every figure."""
    several = summary(objectives=two_objectives())
    pairs = [(0.9, 100.0), (0.8, 50.0), (0.7, 75.0)]
    drawn = [
        *study_figures(records, study),
        *study_figures(seed_study(60), summary()),
        *study_figures([seed_trial(n, objectives=pair) for n, pair in enumerate(pairs)], several),
    ]
    return "".join(
        f"{figure.name}: {figure.title}\n{figure.text}\n"
        f"{', '.join(str(trace.name) for trace in figure.plot.data)}\n\n"
        for figure in drawn
    )


FORMATS: dict[str, Callable[[rendered.Records, StudySummary], str]] = {
    "terminal.txt": lambda r, s: rendered.terminal(r, s) + "\n" + rendered.best(r, s),
    "terminal-80.txt": lambda r, s: rendered.terminal(r, s, width=80),
    "report.md": rendered.markdown,
    "report.html": page,
    "report.json": render_json,
    "report.csv": render_csv,
    "notes.md": notes,
    "figures.txt": figures,
}


@pytest.mark.parametrize("name", FORMATS)
def test_the_report_is_the_golden_one(name: str) -> None:
    text = FORMATS[name](RECORDS, full_summary())
    path = GOLDEN / name
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text, encoding="utf-8", newline="")
    assert text == path.read_bytes().decode()
