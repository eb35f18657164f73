"""Every figure a study has something to show in, in reading order."""

from __future__ import annotations

from collections.abc import Sequence

from study.report.figures.confusion import confusion
from study.report.figures.curves import curves
from study.report.figures.figure import Figure
from study.report.figures.history import history
from study.report.figures.importance import importance
from study.report.figures.intervals import confirmed
from study.report.figures.parallel import parallel
from study.report.figures.pareto import pareto, size_and_value
from study.report.figures.reliability import reliability
from study.report.figures.slices import slices
from study.report.figures.timeline import timeline
from study.report.study_summary import StudySummary
from study.storage.records import TrialRecord


def search_figures(records: Sequence[TrialRecord], summary: StudySummary) -> list[Figure]:
    """Return the figures about the search."""
    found = [
        history(records, summary),
        pareto(records, summary),
        size_and_value(records, summary),
        parallel(records, summary),
        importance(summary),
        *slices(records, summary),
        curves(records, summary),
        timeline(records, summary),
    ]
    return [figure for figure in found if figure is not None]


def outcome_figures(summary: StudySummary) -> list[Figure]:
    """Return the figures about the confirmation and the test."""
    found = [confirmed(summary.confirmation), confusion(summary.test), reliability(summary.test)]
    return [figure for figure in found if figure is not None]


def all_figures(records: Sequence[TrialRecord], summary: StudySummary) -> list[Figure]:
    """Return every figure that this study has something to show in."""
    return [*search_figures(records, summary), *outcome_figures(summary)]
