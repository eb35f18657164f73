"""The whole report in each format, as files to read; ``UPDATE_GOLDEN=1`` writes them again."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from study.report.data_formats import render_csv, render_json
from study.report.html import render_html
from study.report.study_document import study_document
from study.report.study_summary import StudySummary
from tests.report import rendered
from tests.report.builders import duplicate, failed, full_summary, pruned, seed_trial

GOLDEN = Path(__file__).parent / "golden"
RECORDS = (
    seed_trial(0, value=0.79),
    seed_trial(7, value=0.8193),
    duplicate(8, 7, 0.8193),
    pruned(9),
    failed(10),
)


def page(records: rendered.Records, summary: StudySummary) -> str:
    """Return the page without figures, scripts and styles."""
    text = render_html(study_document(records, summary))
    return re.sub(r"<style>.*?</style>\n", "", text, flags=re.DOTALL)


FORMATS: dict[str, Callable[[rendered.Records, StudySummary], str]] = {
    "terminal.txt": lambda r, s: rendered.terminal(r, s) + "\n" + rendered.best(r, s),
    "terminal-80.txt": lambda r, s: rendered.terminal(r, s, width=80),
    "report.md": rendered.markdown,
    "report.html": page,
    "report.json": render_json,
    "report.csv": render_csv,
}


@pytest.mark.parametrize("name", FORMATS)
def test_the_report_is_the_golden_one(name: str) -> None:
    text = FORMATS[name](RECORDS, full_summary())
    path = GOLDEN / name
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text, encoding="utf-8", newline="")
    assert text == path.read_bytes().decode()
