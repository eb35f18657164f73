"""Learning curves: the objective after each epoch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from study.common.escaping import in_plot
from study.common.formats import counted, measure, metric_headline, metric_words
from study.report.figures.figure import BEST, MARK, PRUNED, Figure, axis, blank, whole_axis
from study.report.figures.hover import trial_hover
from study.report.study_summary import StudySummary
from study.results.ranking import best
from study.storage.records import TrialRecord

_BOLD: Mapping[str, Any] = {"color": BEST, "width": 3.5}


def curves(records: Sequence[TrialRecord], summary: StudySummary) -> Figure | None:
    """Return every trial's curve, the best and the pruned told apart; None without any."""
    drawn = [record for record in records if _points(record)]
    if not drawn or len(summary.objectives) > 1:
        return None
    winner = best(drawn, summary.objectives)
    pruned = [record for record in drawn if record.state == "pruned"]
    others = [r for r in drawn if r is not winner and r.state != "pruned"]
    plot = _blank(drawn, summary)
    _add(plot, f"Others ({len(others)})", others, summary, {"color": MARK, "width": 1.2})
    dotted = {"color": PRUNED, "width": 1.2, "dash": "dot"}
    _add(plot, f"Pruned ({len(pruned)})", pruned, summary, dotted)
    if winner is not None:
        _add(plot, f"Best (trial {winner.number})", [winner], summary, _BOLD)
    return Figure(
        name="curves",
        title="How the networks learned",
        text=_text(drawn, pruned, winner, summary),
        plot=plot,
    )


def _blank(records: Sequence[TrialRecord], summary: StudySummary) -> go.Figure:
    return blank(
        x=whole_axis("Epoch", [epoch for r in records for epoch in r.intermediate]),
        y=axis(in_plot(metric_headline(summary.objective.metric))),
        height=380,
    )


def _points(record: TrialRecord) -> list[tuple[int, float]]:
    return [(e, v) for e, v in sorted(record.intermediate.items()) if math.isfinite(v)]


def _add(
    plot: go.Figure,
    name: str,
    records: Sequence[TrialRecord],
    summary: StudySummary,
    line: Mapping[str, Any],
) -> None:
    """Add the curves of a kind as one trace with gaps, so that a thousand stay quick."""
    if not records:
        return
    x: list[int | None] = []
    y: list[float | None] = []
    text: list[str] = []
    for record in records:
        points = _points(record)
        x += [*(epoch for epoch, _ in points), None]
        y += [*(number for _, number in points), None]
        text += [trial_hover(record, summary)] * (len(points) + 1)
    plot.add_scatter(
        x=x,
        y=y,
        mode="lines+markers",
        name=name,
        line=dict(line),
        marker={"size": 4 + line["width"]},
        text=text,
        hovertemplate="epoch %{x}: <b>%{y:.4f}</b><br>%{text}<extra></extra>",
    )


def _text(
    drawn: Sequence[TrialRecord],
    pruned: Sequence[TrialRecord],
    winner: TrialRecord | None,
    summary: StudySummary,
) -> str:
    cut = f", {len(pruned)} of them pruned" if pruned else ""
    start = f"{counted(len(drawn), 'curve')} of {metric_words(summary.objective.metric)}{cut}."
    return start if winner is None else f"{start} The best: {_course(winner, summary)}"


def _course(record: TrialRecord, summary: StudySummary) -> str:
    points = _points(record)
    metric = summary.objective.metric
    last_epoch, last = points[-1]
    first_epoch, first = points[0]
    if len(points) == 1:
        return f"trial {record.number} stood at {measure(metric, last)} after epoch {last_epoch}."
    return (
        f"trial {record.number} went from {measure(metric, first)} after epoch {first_epoch} to "
        f"{measure(metric, last)} after epoch {last_epoch}."
    )
