"""Which worker did what, and when."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from typing import Any

from study.common.escaping import in_plot
from study.common.formats import counted, duration, percent
from study.report.figures.figure import (
    ACCENT,
    DUPLICATE,
    FAILED,
    MARK,
    PRUNED,
    Figure,
    axis,
    blank,
)
from study.report.figures.hover import trial_hover
from study.report.study_summary import StudySummary
from study.storage.records import TrialRecord

_KINDS = (
    ("Complete", ACCENT, ""),
    ("Twin", DUPLICATE, "."),
    ("Pruned", PRUNED, "/"),
    ("Failed", FAILED, "x"),
    ("Running", MARK, ""),
)


def timeline(records: Sequence[TrialRecord], summary: StudySummary) -> Figure | None:
    """Return a bar for every trial that began, a line for every worker; None without any."""
    timed = [record for record in records if record.started is not None]
    if not timed:
        return None
    last = max(filter(None, (r.finished or r.started for r in timed)), key=_utc)
    workers = sorted({worker_label(record) for record in timed}, key=_natural)
    plot = blank(
        x=axis(type="date"),
        y=axis(
            type="category",
            categoryorder="array",
            categoryarray=[in_plot(worker) for worker in workers],
            autorange="reversed",
            showgrid=False,
        ),
        height=150 + 34 * len(workers),
        barmode="overlay",
        bargap=0.4,
    )
    for kind, color, pattern in _KINDS:
        bars = [record for record in timed if _kind(record) == kind]
        if bars:
            plot.add_bar(**_bars(kind, bars, last, summary), **_look(color, pattern))
    return Figure(
        name="timeline",
        title="Who worked when",
        text=_text(timed, workers, last),
        plot=plot,
    )


def worker_label(record: TrialRecord) -> str:
    """Return who ran a trial, in words."""
    worker = record.worker
    if label := worker.get("label"):
        return str(label)
    parts = [str(worker[key]) for key in ("host", "pid") if worker.get(key) is not None]
    return ", process ".join(parts) or "unknown worker"


def _natural(label: str) -> list[tuple[str, int]]:
    """Return a sort key by which ``worker 2`` comes before ``worker 10``."""
    parts = re.findall(r"(\D*)(\d*)", label)
    return [(text, int(digits or -1)) for text, digits in parts]


def _kind(record: TrialRecord) -> str:
    if record.state == "complete":
        return "Complete" if record.reused_from is None else "Twin"
    return {"pruned": "Pruned", "failed": "Failed"}.get(record.state, "Running")


def _look(color: str, pattern: str) -> dict[str, Any]:
    return {
        "marker": {
            "color": color,
            "pattern": {"shape": pattern, "size": 6, "solidity": 0.25},
            "line": {"width": 0},
        }
    }


def _bars(
    kind: str, bars: Sequence[TrialRecord], last: dt.datetime, summary: StudySummary
) -> dict[str, Any]:
    return {
        "orientation": "h",
        "name": f"{kind} ({len(bars)})",
        "y": [in_plot(worker_label(record)) for record in bars],
        "base": [_utc(record.started).isoformat() for record in bars],
        "x": [1000 * _seconds(record, last) for record in bars],  # plotly counts milliseconds
        "text": [trial_hover(record, summary) for record in bars],
        "textposition": "none",
        "hovertemplate": "%{text}<extra></extra>",
    }


def _seconds(record: TrialRecord, last: dt.datetime) -> float:
    return max(0.0, (_utc(record.finished or last) - _utc(record.started)).total_seconds())


def _utc(when: dt.datetime | None) -> dt.datetime:
    """Return a time as naive UTC, as plotly shows it; one without a zone is UTC."""
    if when is None:
        return dt.datetime.min
    return when if when.tzinfo is None else when.astimezone(dt.UTC).replace(tzinfo=None)


def _text(timed: Sequence[TrialRecord], workers: Sequence[str], last: dt.datetime) -> str:
    first = min(_utc(record.started) for record in timed)
    whole = (_utc(last) - first).total_seconds()
    busy = sum(_seconds(record, last) for record in timed)
    start = (
        f"{counted(len(timed), 'trial')} by {counted(len(workers), 'worker')} "
        f"within {duration(whole)}"
    )
    if whole <= 0:
        return f"{start}."
    share = min(1.0, busy / (whole * len(workers)))
    return f"{start}; a worker was busy with a trial for {percent(share, 0)} of the time."
