"""Two measures against each other, with the front that nothing beats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from study.common.escaping import in_plot
from study.common.formats import counted, metric_headline, metric_words, told
from study.report.figures.figure import BEST, MARK, Figure, axis, blank
from study.report.figures.hover import trial_hover
from study.report.study_summary import StudySummary
from study.results.ranking import Objective, distinct, pareto_front
from study.storage.records import TrialRecord

SIZE = Objective(metric="parameters", direction="minimize")
_LOG_FROM = 30.0


def pareto(records: Sequence[TrialRecord], summary: StudySummary) -> Figure | None:
    """Return the first two objectives with their front; None with fewer objectives or trials."""
    if len(summary.objectives) < 2:
        return None
    pair = (summary.objectives[0], summary.objectives[1])
    trained = [_with(r, r.objectives[:2]) for r in distinct(records, len(summary.objectives))]
    return _figure("pareto", "The Pareto front", trained, pair, summary)


def size_and_value(records: Sequence[TrialRecord], summary: StudySummary) -> Figure | None:
    """Return the value against the network's size, for a study of one objective."""
    if len(summary.objectives) > 1 or summary.objective.metric in ("parameters", "macs"):
        return None
    trained = [
        _with(record, (record.objectives[0], float(record.parameters)))
        for record in distinct(records)
        if record.parameters is not None
    ]
    pair = (summary.objective, SIZE)
    return _figure("size", "What a larger network buys", trained, pair, summary)


def _with(record: TrialRecord, objectives: tuple[float, ...]) -> TrialRecord:
    return replace(record, objectives=objectives, reused_from=None, candidate_id="")


def _figure(
    name: str,
    title: str,
    trained: Sequence[TrialRecord],
    pair: tuple[Objective, Objective],
    summary: StudySummary,
) -> Figure | None:
    if len(trained) < 2:
        return None
    front = pareto_front(trained, pair)
    on_front = {record.number for record in front}
    first, second = pair
    plot = blank(
        x=_axis(second, [record.objectives[1] for record in trained]),
        y=axis(in_plot(metric_headline(first.metric))),
        height=380,
    )
    rest = [record for record in trained if record.number not in on_front]
    for label, records, look in (
        ("Beaten", rest, {"mode": "markers", "marker": {"color": MARK, "size": 8}}),
        ("Front", front, _front_look()),
    ):
        plot.add_scatter(
            x=[record.objectives[1] for record in records],
            y=[record.objectives[0] for record in records],
            name=f"{label} ({len(records)})",
            text=[trial_hover(record, _told(pair, summary)) for record in records],
            hovertemplate="%{text}<extra></extra>",
            **look,
        )
    return Figure(name=name, title=title, text=_text(trained, front, pair), plot=plot)


def _front_look() -> dict[str, Any]:
    return {
        "mode": "lines+markers",
        "line": {"color": BEST, "width": 2, "dash": "dot"},
        "marker": {"color": BEST, "size": 11, "symbol": "diamond"},
    }


def _told(pair: tuple[Objective, Objective], summary: StudySummary) -> StudySummary:
    return replace(summary, objectives=pair)


def _axis(objective: Objective, numbers: Sequence[float]) -> dict[str, Any]:
    log = min(numbers) > 0 and max(numbers) / min(numbers) >= _LOG_FROM
    goal = "smaller is better" if objective.direction == "minimize" else "larger is better"
    title = f"{in_plot(metric_headline(objective.metric))} ({goal})"
    return axis(title, type="log", dtick=1) if log else axis(title)


def _text(
    trained: Sequence[TrialRecord],
    front: Sequence[TrialRecord],
    pair: tuple[Objective, Objective],
) -> str:
    first, second = pair
    ends = [front[0], front[-1]] if len(front) > 1 else front[:1]
    words = "; ".join(
        f"trial {r.number} with {told(first.metric, r.objectives[0])} "
        f"at {told(second.metric, r.objectives[1])}"
        for r in ends
    )
    beat, lead = ("is", "The front") if len(front) == 1 else ("are", "The ends of the front")
    return (
        f"Of {counted(len(trained), 'candidate')}, {len(front)} {beat} beaten by no other in both "
        f"{metric_words(first.metric)} and {metric_words(second.metric)}. {lead}: {words}."
    )
