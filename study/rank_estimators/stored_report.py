"""A trust report as plain dictionaries, for a file and for the study it is stored with."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from study.rank_estimators.judging import TrustReport
from study.rank_estimators.rows import TrustRow
from study.report.rank_estimators_text import reading


def trust_json(report: TrustReport, *, space: str, metric: str, setting: str) -> dict[str, Any]:
    """Return the report with a list of rows, each with its ``kind``; all numbers are finite.

    Args:
        report: From ``judge``.
        space: Name of the search space.
        metric: Name of the metric, with its split.
        setting: On what it was measured, in words.
    """
    return {
        "space": space,
        "metric": metric,
        "setting": setting,
        "candidates": report.candidates,
        "seeds": report.seeds,
        "run_seconds": report.run_seconds,
        "best_count": report.best_count,
        "random_first_regret": report.random_first,
        "random_five_regret": report.random_five,
        "rows": [_row(kind, row) for kind, row in _kinds(report)],
        "reading": reading(report, space=space),
    }


def _kinds(report: TrustReport) -> Iterator[tuple[str, TrustRow]]:
    yield "ceiling", report.ceiling
    for row in report.counts:
        yield "count", row
    for row in report.estimators:
        yield "estimator", row


def _row(kind: str, row: TrustRow) -> dict[str, Any]:
    """Return a row; ``speed_up`` is null where the score is free, and for the ceiling."""
    values = {"kind": kind, **asdict(row)}
    free = row.speed_up is not None and math.isinf(row.speed_up)
    return {**values, "free": free, "speed_up": None if free else row.speed_up}
