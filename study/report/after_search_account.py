"""What followed a search, as sentences that every format shares."""

from __future__ import annotations

from study.report.account import looks_words
from study.report.final_test_account import final_test_words
from study.report.outcome_account import confirmation_words
from study.report.study_summary import StudySummary


def after_search_words(summary: StudySummary) -> list[str]:
    """Return what confirmation and test found, and how many looks there were; [] without any."""
    told = [] if summary.confirmation is None else confirmation_words(summary.confirmation)
    if summary.test is not None:
        told = [*told, *final_test_words(summary.test)]
    if summary.looks:
        told = [*told, looks_words(summary)]
    return told
