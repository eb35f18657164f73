"""The course of a search: values over trials, learning curves, workers over time."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Sequence
from itertools import accumulate

import plotly.graph_objects as go

from study.common.formats import (
    counted,
    describe_metric,
    duration,
    in_plot,
    listed,
    measure,
    percent,
)
from study.report.document import Figure
from study.report.figures.kit import (
    add_lines,
    add_points,
    axis,
    blank,
    category_axis,
    metric_axis,
    trial_hover,
    whole_axis,
)
from study.report.palette import LIGHT
from study.report.study_summary import StudySummary
from study.results.ranking import best, distinct
from study.storage.records import TrialRecord

_BARS = (
    ("Complete", LIGHT["accent"], ""),
    ("Duplicate", LIGHT["duplicate"], "."),
    ("Pruned", LIGHT["pruned"], "/"),
    ("Failed", LIGHT["failed"], "x"),
    ("Running", LIGHT["mark"], ""),
)
"""Kind of trial, colour and pattern of its bar in the timeline."""


def history(records: Sequence[TrialRecord], summary: StudySummary) -> Figure | None:
    """Return the (first) objective over trials; None before the first value."""
    trained = distinct(records, len(summary.objectives))
    numbers = {record.number for record in trained}
    duplicates = [r for r in records if r.state == "complete" and r.number not in numbers]
    pruned = [r for r in records if r.state == "pruned"]
    shown = [*trained, *duplicates, *pruned]
    if not any(record.value is not None and math.isfinite(record.value) for record in shown):
        return None
    plot = blank(
        x=whole_axis("Trial", [record.number for record in shown]),
        y=metric_axis(summary.objective.metric),
        height=380,
    )
    for name, members, color, symbol in (
        ("Trained", trained, LIGHT["accent"], "circle"),
        ("Duplicate, result reused", duplicates, LIGHT["duplicate"], "diamond-open"),
        ("Pruned, last value", pruned, LIGHT["pruned"], "x-thin-open"),
    ):
        finite = [r for r in members if r.value is not None and math.isfinite(r.value)]
        line = {"width": 2, "color": color}
        marker = {"color": color, "symbol": symbol, "size": 9, "line": line}
        add_points(plot, name, [(r.number, r.value, r) for r in finite], summary, marker=marker)
    if trained:
        plot.add_scatter(
            x=[record.number for record in trained],
            y=best_so_far(trained, summary),
            mode="lines",
            name="Best so far",
            line={"color": LIGHT["ink"], "width": 2, "shape": "hv"},
            hoverinfo="skip",
        )
    text = _history_text(records, trained, len(duplicates), len(pruned), summary)
    return Figure(name="history", title="How the search went", text=text, plot=plot)


def best_so_far(records: Sequence[TrialRecord], summary: StudySummary) -> list[float]:
    """Return the running best of the first objective over records in number order."""
    sign = summary.objective.sign
    return [sign * best for best in accumulate((sign * r.objectives[0] for r in records), max)]


def _history_text(
    records: Sequence[TrialRecord],
    trained: Sequence[TrialRecord],
    duplicates: int,
    pruned: int,
    summary: StudySummary,
) -> str:
    kinds = (
        (len(trained), "trained to the end"),
        (duplicates, "reused as duplicates"),
        (pruned, "pruned"),
        (sum(record.state == "failed" for record in records), "failed"),
    )
    parts = [f"{count} {kind}" for count, kind in kinds if count]
    start = f"{counted(len(records), 'trial')}: {listed(parts)}."
    if not trained:
        return start
    metric = summary.objective.metric
    running = best_so_far(trained, summary)
    found = trained[running.index(running[-1])].number
    return (
        f"{start} The best {describe_metric(metric)} went from {measure(metric, running[0])} to "
        f"{measure(metric, running[-1])}, first reached in trial {found}."
    )


def curves(records: Sequence[TrialRecord], summary: StudySummary) -> Figure | None:
    """Return the learning curve of each trial; None without any, or for several objectives."""
    drawn = [record for record in records if _curve(record)]
    if not drawn or len(summary.objectives) > 1:
        return None
    winner = best(drawn, summary.objectives)
    pruned = [record for record in drawn if record.state == "pruned"]
    others = [r for r in drawn if r is not winner and r.state != "pruned"]
    plot = blank(
        x=whole_axis("Epoch", [epoch for r in drawn for epoch in r.intermediate]),
        y=metric_axis(summary.objective.metric),
        height=380,
    )
    _add_curves(plot, f"Others ({len(others)})", others, summary, color=LIGHT["mark"])
    _add_curves(
        plot, f"Pruned ({len(pruned)})", pruned, summary, color=LIGHT["pruned"], dash="dot"
    )
    if winner is not None:
        name = f"Best (trial {winner.number})"
        _add_curves(plot, name, [winner], summary, color=LIGHT["best"], width=3.5)
    cut = f", {len(pruned)} of them pruned" if pruned else ""
    text = f"{counted(len(drawn), 'curve')} of {describe_metric(summary.objective.metric)}{cut}."
    if winner is not None:
        text = f"{text} The best: {_course(winner, summary.objective.metric)}"
    return Figure(name="curves", title="How the networks learned", text=text, plot=plot)


def _add_curves(
    plot: go.Figure,
    name: str,
    records: Sequence[TrialRecord],
    summary: StudySummary,
    *,
    width: float = 1.2,
    **line: str,
) -> None:
    add_lines(
        plot,
        name,
        [(_curve(record), record) for record in records],
        summary,
        line={"width": width, **line},
        marker={"size": 4 + width},
        hovertemplate="epoch %{x}: <b>%{y:.4f}</b><br>%{text}<extra></extra>",
    )


def _curve(record: TrialRecord) -> list[tuple[int, float]]:
    return [(e, v) for e, v in sorted(record.intermediate.items()) if math.isfinite(v)]


def _course(record: TrialRecord, metric: str) -> str:
    points = _curve(record)
    (first_epoch, first), (last_epoch, last) = points[0], points[-1]
    if first_epoch == last_epoch:
        return f"trial {record.number} stood at {measure(metric, last)} after epoch {last_epoch}."
    return (
        f"trial {record.number} went from {measure(metric, first)} after epoch {first_epoch} to "
        f"{measure(metric, last)} after epoch {last_epoch}."
    )


def timeline(records: Sequence[TrialRecord], summary: StudySummary) -> Figure | None:
    """Return a bar for each trial that began, in a line for each worker; None without any."""
    timed = [record for record in records if record.started is not None]
    if not timed:
        return None
    end = max(_utc(record.finished or record.started) for record in timed)
    workers = sorted({worker_label(record) for record in timed}, key=_natural)
    plot = blank(
        x=axis(type="date"),
        y=category_axis(workers, autorange="reversed", showgrid=False),
        height=150 + 34 * len(workers),
        barmode="overlay",
        bargap=0.4,
    )
    for kind, color, pattern in _BARS:
        members = [record for record in timed if _bar_kind(record) == kind]
        if members:
            plot.add_bar(
                orientation="h",
                name=f"{kind} ({len(members)})",
                y=[in_plot(worker_label(record)) for record in members],
                base=[_utc(record.started).isoformat() for record in members],
                x=[1000 * _seconds(record, end) for record in members],  # milliseconds
                text=[trial_hover(record, summary) for record in members],
                textposition="none",
                hovertemplate="%{text}<extra></extra>",
                marker_color=color,
                marker_pattern={"shape": pattern, "size": 6, "solidity": 0.25},
                marker_line_width=0,
            )
    text = _timeline_text(timed, len(workers), end)
    return Figure(name="timeline", title="Who worked when", text=text, plot=plot)


def worker_label(record: TrialRecord) -> str:
    """Return the name of the worker that ran a trial."""
    worker = record.worker
    if label := worker.get("label"):
        return str(label)
    parts = [str(worker[key]) for key in ("host", "pid") if worker.get(key) is not None]
    return ", process ".join(parts) or "unknown worker"


def _natural(label: str) -> list[tuple[str, int]]:
    """Return a sort key that puts ``worker 2`` before ``worker 10``."""
    parts = re.findall(r"(\D*)(\d*)", label)
    return [(text, int(digits or -1)) for text, digits in parts]


def _bar_kind(record: TrialRecord) -> str:
    if record.state == "complete":
        return "Complete" if record.reused_from is None else "Duplicate"
    return {"pruned": "Pruned", "failed": "Failed"}.get(record.state, "Running")


def _seconds(record: TrialRecord, end: dt.datetime) -> float:
    finished = end if record.finished is None else _utc(record.finished)
    return max(0.0, (finished - _utc(record.started)).total_seconds())


def _utc(when: dt.datetime | None) -> dt.datetime:
    """Return a time as naive UTC, as plotly shows it; a time without a zone is UTC."""
    if when is None:
        return dt.datetime.min
    return when if when.tzinfo is None else when.astimezone(dt.UTC).replace(tzinfo=None)


def _timeline_text(timed: Sequence[TrialRecord], workers: int, end: dt.datetime) -> str:
    whole = (end - min(_utc(record.started) for record in timed)).total_seconds()
    start = (
        f"{counted(len(timed), 'trial')} by {counted(workers, 'worker')} within {duration(whole)}"
    )
    if whole <= 0:
        return f"{start}."
    busy = sum(_seconds(record, end) for record in timed)
    share = min(1.0, busy / (whole * workers))
    return f"{start}; a worker was busy with a trial for {percent(share, 0)} of the time."
