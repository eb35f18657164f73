"""Plotly figures; importing this package loads plotly."""

from __future__ import annotations

from collections.abc import Sequence

from study.report.document import Figure
from study.report.figures.course import curves, history, timeline
from study.report.figures.outcomes import (
    confirmation_figure,
    confusion_figure,
    reliability_figure,
)
from study.report.figures.parameters import importance, parallel, pareto, size_and_value, slices
from study.report.study_summary import StudySummary
from study.storage.records import TrialRecord


def study_figures(records: Sequence[TrialRecord], summary: StudySummary) -> list[Figure]:
    """Return every figure that this study has data for, in reading order."""
    found = [
        history(records, summary),
        pareto(records, summary),
        size_and_value(records, summary),
        parallel(records, summary),
        importance(summary),
        *slices(records, summary),
        curves(records, summary),
        timeline(records, summary),
        confirmation_figure(summary.confirmation),
        confusion_figure(summary.test),
        reliability_figure(summary.test),
    ]
    return [figure for figure in found if figure is not None]
