"""A study's report in each format, from records and a summary."""

from __future__ import annotations

from collections.abc import Sequence

from study.report.document import Figure
from study.report.figures import study_figures
from study.report.html import render_html
from study.report.markdown import render_markdown
from study.report.network_drawing import network_figure
from study.report.study_document import study_document, terminal_report
from study.report.study_summary import StudySummary
from study.report.terminal import render_text
from study.report.trial_document import best_candidates
from study.storage.records import TrialRecord

Records = Sequence[TrialRecord]


def all_figures(records: Records, summary: StudySummary) -> list[Figure]:
    drawing = network_figure(records, summary)
    return [*([drawing] if drawing else []), *study_figures(records, summary)]


def html(records: Records, summary: StudySummary) -> str:
    figures = all_figures(records, summary)
    return render_html(study_document(records, summary, figures=figures))


def markdown(records: Records, summary: StudySummary) -> str:
    return render_markdown(study_document(records, summary))


def terminal(records: Records, summary: StudySummary, *, width: int | None = None) -> str:
    return render_text(*terminal_report(records, summary), width=width)


def best(records: Records, summary: StudySummary) -> str:
    return render_text(*best_candidates(records, summary))
