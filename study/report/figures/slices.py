"""One small plot a parameter: the value against what was chosen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from study.common.escaping import in_plot
from study.common.formats import counted, headline, measure, metric_headline, value
from study.report.figures.figure import ACCENT, BEST, Figure, axis, blank, whole_axis
from study.report.figures.hover import trial_hover
from study.report.figures.scales import Scale, scale_of
from study.report.study_summary import StudySummary
from study.results.describe import space_parameters
from study.results.ranking import best, distinct
from study.storage.records import TrialRecord

GROUP = "Each parameter on its own"
MOST_SLICES = 12


def slices(records: Sequence[TrialRecord], summary: StudySummary) -> list[Figure]:
    """Return a slice for every parameter that varied, the most important first, 12 at most."""
    trained = distinct(records, len(summary.objectives))
    varied = [
        name for name in space_parameters(trained, summary.parameters) if _varied(name, trained)
    ]
    if len(varied) > MOST_SLICES:
        rank = summary.importance
        varied = sorted(varied, key=lambda n: (-rank.get(n, 0.0), varied.index(n)))[:MOST_SLICES]
    return [_slice(name, trained, summary) for name in varied]


def _varied(name: str, trained: Sequence[TrialRecord]) -> bool:
    return len({value(r.params[name]) for r in trained if name in r.params}) > 1


def _slice(name: str, trained: Sequence[TrialRecord], summary: StudySummary) -> Figure:
    having = [record for record in trained if name in record.params]
    winner = best(having, summary.objectives)
    scale = scale_of([record.params[name] for record in having])
    plot = blank(
        x=_axis(scale),
        y=axis(in_plot(metric_headline(summary.objective.metric))),
        height=250,
        showlegend=False,
    )
    others = [record for record in having if record is not winner]
    winners = [record for record in having if record is winner]
    for records, marker in (
        (others, {"color": ACCENT, "size": 8, "opacity": 0.75}),
        (winners, {"color": BEST, "size": 13, "symbol": "star"}),
    ):
        choices = [record.params[name] for record in records]
        plot.add_scatter(
            x=[in_plot(value(choice)) for choice in choices] if scale.choices else choices,
            y=[record.objectives[0] for record in records],
            mode="markers",
            marker=marker,
            text=[trial_hover(record, summary) for record in records],
            hovertemplate="%{text}<extra></extra>",
        )
    return Figure(
        name=f"slice-{_file_name(name)}",
        title=headline(name),
        text=_text(name, scale, having, summary),
        plot=plot,
        group=GROUP,
    )


def _axis(scale: Scale) -> dict[str, Any]:
    if scale.choices:
        texts = [in_plot(text) for text in scale.choices]
        return axis(type="category", categoryorder="array", categoryarray=texts)
    if scale.log:
        return axis(type="log", dtick=1)
    return whole_axis("", (scale.low, scale.high)) if scale.whole else axis()


def _file_name(name: str) -> str:
    return "".join(c if c.isalnum() or c in "._-" else "-" for c in name)


def _text(name: str, scale: Scale, having: Sequence[TrialRecord], summary: StudySummary) -> str:
    span = scale.span([record.params[name] for record in having])
    winner = best(having, summary.objectives)
    start = f"{counted(len(having), 'candidate')} with {headline(name).lower()} {span}."
    if winner is None:
        return start
    metric = summary.objective.metric
    return (
        f"{start} The best, {measure(metric, winner.objectives[0])}, "
        f"has {value(winner.params[name])}."
    )
