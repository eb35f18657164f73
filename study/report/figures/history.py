"""How the search went: every trial's value, and the best so far."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate

import plotly.graph_objects as go

from study.common.escaping import in_plot
from study.common.formats import counted, listed, measure, metric_headline, metric_words
from study.report.figures.figure import (
    ACCENT,
    DUPLICATE,
    INK,
    PRUNED,
    Figure,
    axis,
    blank,
    whole_axis,
)
from study.report.figures.hover import trial_hover
from study.report.study_summary import StudySummary
from study.results.ranking import distinct
from study.storage.records import TrialRecord


def history(records: Sequence[TrialRecord], summary: StudySummary) -> Figure | None:
    """Return the history of the (first) objective; None before the first value."""
    trained = distinct(records, len(summary.objectives))
    numbers = {record.number for record in trained}
    duplicates = [r for r in records if r.state == "complete" and r.number not in numbers]
    pruned = [r for r in records if r.state == "pruned"]
    shown = [*trained, *duplicates, *pruned]
    if not any(_finite(record) for record in shown):
        return None
    plot = blank(
        x=whole_axis("Trial", [record.number for record in shown]),
        y=axis(in_plot(metric_headline(summary.objective.metric))),
        height=380,
    )
    _add(plot, "Trained", trained, summary, color=ACCENT, symbol="circle")
    _add(plot, "Twin, result reused", duplicates, summary, color=DUPLICATE, symbol="diamond-open")
    _add(plot, "Pruned, last value", pruned, summary, color=PRUNED, symbol="x-thin-open")
    _add_best(plot, trained, summary)
    return Figure(
        name="history",
        title="How the search went",
        text=_text(records, trained, len(duplicates), len(pruned), summary),
        plot=plot,
    )


def _finite(record: TrialRecord) -> bool:
    return record.value is not None and math.isfinite(record.value)


def _add(
    plot: go.Figure,
    name: str,
    records: Sequence[TrialRecord],
    summary: StudySummary,
    *,
    color: str,
    symbol: str,
) -> None:
    shown = [record for record in records if _finite(record)]
    if not shown:
        return
    plot.add_scatter(
        x=[record.number for record in shown],
        y=[record.value for record in shown],
        mode="markers",
        name=f"{name} ({len(shown)})",
        marker={"color": color, "symbol": symbol, "size": 9, "line": {"width": 2, "color": color}},
        text=[trial_hover(record, summary) for record in shown],
        hovertemplate="%{text}<extra></extra>",
    )


def best_so_far(records: Sequence[TrialRecord], summary: StudySummary) -> list[float]:
    """Return the running best of the first objective, over records in number order."""
    sign = summary.objective.sign
    return [sign * best for best in accumulate((sign * r.objectives[0] for r in records), max)]


def _add_best(plot: go.Figure, trained: Sequence[TrialRecord], summary: StudySummary) -> None:
    if trained:
        plot.add_scatter(
            x=[record.number for record in trained],
            y=best_so_far(trained, summary),
            mode="lines",
            name="Best so far",
            line={"color": INK, "width": 2, "shape": "hv"},
            hoverinfo="skip",
        )


def _text(
    records: Sequence[TrialRecord],
    trained: Sequence[TrialRecord],
    duplicates: int,
    pruned: int,
    summary: StudySummary,
) -> str:
    failed = sum(record.state == "failed" for record in records)
    kinds = [
        f"{count} {word}"
        for count, word in (
            (len(trained), "trained to the end"),
            (duplicates, "reused as twins"),
            (pruned, "pruned"),
            (failed, "failed"),
        )
        if count
    ]
    start = f"{counted(len(records), 'trial')}: {listed(kinds)}."
    if not trained:
        return start
    metric = summary.objective.metric
    running = best_so_far(trained, summary)
    found = trained[running.index(running[-1])].number
    return (
        f"{start} The best {metric_words(metric)} went from {measure(metric, running[0])} to "
        f"{measure(metric, running[-1])}, first reached in trial {found}."
    )
