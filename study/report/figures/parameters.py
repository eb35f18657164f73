"""Values against parameters and sizes: parallel coordinates, slices, importance, Pareto fronts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from study.common.formats import (
    counted,
    describe_measure,
    describe_metric,
    headline,
    in_plot,
    listed,
    measure,
    metric_headline,
    percent,
    value,
)
from study.report.document import Figure
from study.report.figures.kit import (
    LOG_RATIO,
    SHADES,
    ValueRange,
    add_lines,
    add_points,
    axis,
    blank,
    category_axis,
    metric_axis,
    value_range,
    whole_axis,
)
from study.report.palette import LIGHT
from study.report.study_summary import StudySummary
from study.results.describe import space_parameters
from study.results.ranking import best, distinct, pareto_front
from study.settings.metrics import MEASURES, Measure
from study.storage.records import TrialRecord

MOST_AXES = 8
MOST_SLICES = 12
MOST_BARS = 15
_AXIS_WIDTH = 84
_BAR_ROOM = 1.25
"""Length of the axis over the longest bar, which leaves room for the number behind it."""
_FIFTHS = ("Last fifth", "Fourth fifth", "Middle fifth", "Second fifth", "Best fifth")
_SIZE = MEASURES["parameters"]


@dataclass(frozen=True, slots=True)
class _Axis:
    heading: str
    range: ValueRange
    values: tuple[Any, ...]  # one for each record, None where inactive


def parallel(records: Sequence[TrialRecord], summary: StudySummary) -> Figure | None:
    """Return the parallel coordinates of the trained candidates; None for fewer than two.

    They are drawn as lines and not with plotly's own ``parcoords``, which needs WebGL, cannot
    show an inactive parameter, and cannot be read on a phone. A click in the legend shows or
    hides one fifth.
    """
    sign = summary.objective.sign
    trained = sorted(
        distinct(records, len(summary.objectives)),
        key=lambda r: (sign * r.objectives[0], -r.number),
    )
    axes = _axes(trained, summary)
    if len(trained) < 2 or len(axes) < 2:
        return None
    plot = blank(
        x=axis(
            tickvals=list(range(len(axes))),
            ticktext=[in_plot(a.heading).replace(" ", "<br>", 1) for a in axes],
            range=[-0.4, len(axes) - 0.6],
            showgrid=False,
            side="bottom",
            fixedrange=True,
        ),
        y=axis(visible=False, range=[-0.16, 1.06], fixedrange=True),
        height=440,
        annotations=[label for i, a in enumerate(axes) for label in _labels(i, a.range)],
    )
    rule = {"color": LIGHT["line"], "width": 1}
    for position in range(len(axes)):
        ends = {"x0": position, "x1": position, "y0": 0, "y1": 1}
        plot.add_shape(type="line", **ends, line=rule, layer="below")
    for fifth, name in enumerate(_FIFTHS):
        members = [i for i in range(len(trained)) if i * len(_FIFTHS) // len(trained) == fifth]
        add_lines(
            plot,
            f"{name} ({len(members)})",
            [
                ([(x, a.range.position(a.values[i])) for x, a in enumerate(axes)], trained[i])
                for i in members
            ],
            summary,
            line={"color": SHADES[fifth], "width": 1 + 0.4 * fifth},
            marker={"size": 4 + fifth, "color": SHADES[fifth]},
        )
    return Figure(
        name="parallel",
        title="What the good candidates have in common",
        text=_parallel_text(trained, axes, summary),
        plot=plot,
        narrowest=_AXIS_WIDTH * len(axes),
    )


def _axes(trained: Sequence[TrialRecord], summary: StudySummary) -> list[_Axis]:
    names = [
        name
        for name in space_parameters(trained, summary.parameters)
        if len({str(record.params.get(name)) for record in trained}) > 1
    ]
    found = []
    for name in _most_important(names, summary, most=MOST_AXES):
        values = tuple(record.params.get(name) for record in trained)
        found.append(_Axis(headline(name), value_range(values), values))
    numbers = tuple(record.objectives[0] for record in trained)
    return [
        *found,
        _Axis(metric_headline(summary.objective.metric), value_range(numbers), numbers),
    ]


def _most_important(names: list[str], summary: StudySummary, *, most: int) -> list[str]:
    """Return all names if they are few, else the most important ones."""
    if len(names) <= most:
        return names
    shares = summary.importance
    return sorted(names, key=lambda name: (-shares.get(name, 0.0), names.index(name)))[:most]


def _labels(position: int, values: ValueRange) -> list[dict[str, Any]]:
    return [
        {
            "x": position,
            "y": height,
            "text": in_plot(text),
            "showarrow": False,
            "xanchor": "left",
            "xshift": 7,
            "font": {"size": 11, "color": LIGHT["ink"]},
            "bgcolor": LIGHT["paper"],
            "opacity": 0.85,
            "borderpad": 1,
        }
        for height, text in values.ticks()
    ]


def _parallel_text(
    trained: Sequence[TrialRecord], axes: Sequence[_Axis], summary: StudySummary
) -> str:
    count = max(1, len(trained) // len(_FIFTHS))
    common = []
    for a in axes[:-1]:
        top = [chosen for chosen in a.values[-count:] if chosen is not None]
        if top and a.range.narrows(top):
            common.append(f"{a.heading.lower()} {a.range.describe(top)}")
    metric = metric_headline(summary.objective.metric).lower()
    return (
        f"One line for each of {counted(len(trained), 'trained candidate')}, by {metric}. "
        f"The best {'one has' if count == 1 else f'{count} have'} "
        f"{listed(common) or 'nothing in common that sets them apart'}."
    )


def slices(records: Sequence[TrialRecord], summary: StudySummary) -> list[Figure]:
    """Return a plot of the value over each parameter that varied, at most ``MOST_SLICES``."""
    trained = distinct(records, len(summary.objectives))
    names = [
        name
        for name in space_parameters(trained, summary.parameters)
        if len({value(r.params[name]) for r in trained if name in r.params}) > 1
    ]
    shown = _most_important(names, summary, most=MOST_SLICES)
    return [_slice(name, trained, summary) for name in shown]


def _slice(name: str, trained: Sequence[TrialRecord], summary: StudySummary) -> Figure:
    having = [record for record in trained if name in record.params]
    values = value_range([record.params[name] for record in having])
    plot = blank(
        x=_value_axis(values),
        y=metric_axis(summary.objective.metric),
        height=250,
        showlegend=False,
    )
    winner = best(having, summary.objectives)
    for label, winning, marker in (
        ("Others", False, {"color": LIGHT["accent"], "size": 8, "opacity": 0.75}),
        ("Best", True, {"color": LIGHT["best"], "size": 13, "symbol": "star"}),
    ):
        points = [
            (in_plot(value(r.params[name])) if values.choices else r.params[name], r.value, r)
            for r in having
            if (r is winner) == winning
        ]
        add_points(plot, label, points, summary, marker=marker)
    return Figure(
        name=f"slice-{''.join(c if c.isalnum() or c in '._-' else '-' for c in name)}",
        title=headline(name),
        text=_slice_text(name, values, having, summary),
        plot=plot,
        group="Each parameter on its own",
    )


def _value_axis(values: ValueRange) -> dict[str, Any]:
    if values.choices:
        return category_axis(values.choices)
    if values.log:
        return axis(type="log", dtick=1)
    return whole_axis("", values.numbers) if values.whole else axis()


def _slice_text(
    name: str, values: ValueRange, having: Sequence[TrialRecord], summary: StudySummary
) -> str:
    span = values.describe([record.params[name] for record in having])
    start = f"{counted(len(having), 'candidate')} with {headline(name).lower()} {span}."
    winner = best(having, summary.objectives)
    if winner is None:
        return start
    metric = summary.objective.metric
    return (
        f"{start} The best, {measure(metric, winner.objectives[0])}, "
        f"has {value(winner.params[name])}."
    )


def importance(summary: StudySummary) -> Figure | None:
    """Return the importance of each parameter; None where it is unknown."""
    shares = {n: share for n, share in summary.importance.items() if math.isfinite(share)}
    if not shares:
        return None
    ordered = sorted(shares.items(), key=lambda pair: (-pair[1], pair[0]))[:MOST_BARS]
    plot = blank(
        x=axis(
            "Share of the variation explained",
            tickformat=".0%",
            range=[0, _BAR_ROOM * max(share for _, share in ordered) or 1.0],
        ),
        y=axis(autorange="reversed", showgrid=False),
        height=110 + 30 * len(ordered),
        bargap=0.35,
    )
    plot.add_bar(
        orientation="h",
        x=[share for _, share in ordered],
        y=[in_plot(headline(name)) for name, _ in ordered],
        marker={"color": LIGHT["accent"]},
        text=[percent(share, 0) for _, share in ordered],
        textposition="outside",
        cliponaxis=False,
        hovertemplate="%{y}: %{x:.1%}<extra></extra>",
    )
    first = [f"{headline(name).lower()} {percent(share, 0)}" for name, share in ordered[:3]]
    return Figure(
        name="importance",
        title="Which parameters matter",
        text=f"Of the variation in {describe_metric(summary.objective.metric)}: {listed(first)}. "
        "An estimate (PED-ANOVA) from this study's trials, not a cause.",
        plot=plot,
    )


def pareto(records: Sequence[TrialRecord], summary: StudySummary) -> Figure | None:
    """Return the first two objectives with their front; None for one objective."""
    if len(summary.objectives) < 2:
        return None
    pair = (summary.objectives[0], summary.objectives[1])
    trained = [_with(r, r.objectives[:2]) for r in distinct(records, len(summary.objectives))]
    return _front_figure("pareto", "The Pareto front", trained, pair, summary)


def size_and_value(records: Sequence[TrialRecord], summary: StudySummary) -> Figure | None:
    """Return the value over the network's size; None for several objectives."""
    if len(summary.objectives) > 1 or summary.objective.metric in ("parameters", "macs"):
        return None
    trained = [
        _with(record, (record.objectives[0], float(record.parameters)))
        for record in distinct(records)
        if record.parameters is not None
    ]
    pair = (summary.objective, _SIZE)
    return _front_figure("size", "What a larger network buys", trained, pair, summary)


def _with(record: TrialRecord, objectives: tuple[float, ...]) -> TrialRecord:
    return replace(record, objectives=objectives, reused_from=None, candidate_id="")


def _front_figure(
    name: str,
    title: str,
    trained: Sequence[TrialRecord],
    pair: tuple[Measure, Measure],
    summary: StudySummary,
) -> Figure | None:
    if len(trained) < 2:
        return None
    front = pareto_front(trained, pair)
    on_front = {record.number for record in front}
    plot = blank(
        x=_size_axis(pair[1], [record.objectives[1] for record in trained]),
        y=metric_axis(pair[0].metric),
        height=380,
    )
    line = {
        "mode": "lines+markers",
        "line": {"color": LIGHT["best"], "width": 2, "dash": "dot"},
        "marker": {"color": LIGHT["best"], "size": 11, "symbol": "diamond"},
    }
    beaten = [record for record in trained if record.number not in on_front]
    for label, members, style in (
        ("Beaten", beaten, {"marker": {"color": LIGHT["mark"], "size": 8}}),
        ("Front", front, line),
    ):
        points = [(r.objectives[1], r.objectives[0], r) for r in members]
        add_points(plot, label, points, replace(summary, objectives=pair), **style)
    return Figure(name=name, title=title, text=_front_text(trained, front, pair), plot=plot)


def _size_axis(objective: Measure, numbers: Sequence[float]) -> dict[str, Any]:
    log = min(numbers) > 0 and max(numbers) / min(numbers) >= LOG_RATIO
    goal = "smaller is better" if objective.direction == "minimize" else "larger is better"
    title = f"{in_plot(metric_headline(objective.metric))} ({goal})"
    return axis(title, type="log", dtick=1) if log else axis(title)


def _front_text(
    trained: Sequence[TrialRecord],
    front: Sequence[TrialRecord],
    pair: tuple[Measure, Measure],
) -> str:
    first, second = pair
    ends = [front[0], front[-1]] if len(front) > 1 else front[:1]
    described = "; ".join(
        f"trial {r.number} with {describe_measure(first.metric, r.objectives[0])} "
        f"at {describe_measure(second.metric, r.objectives[1])}"
        for r in ends
    )
    beat, lead = ("is", "The front") if len(front) == 1 else ("are", "The ends of the front")
    metrics = f"{describe_metric(first.metric)} and {describe_metric(second.metric)}"
    return (
        f"Of {counted(len(trained), 'candidate')}, {len(front)} {beat} beaten by no other in both "
        f"{metrics}. {lead}: {described}."
    )
