"""Parallel coordinates: which choices the good candidates have in common.

Drawn as lines, not with plotly's own ``parcoords``: that needs WebGL, has no place for a
parameter that is not active, and cannot be read on a phone. The legend shows one fifth at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from study.common.escaping import in_plot
from study.common.formats import counted, headline, listed, metric_headline
from study.report.figures.figure import INK, LINE, PAPER, SCALE, Figure, axis, blank
from study.report.figures.hover import trial_hover
from study.report.figures.scales import Scale, scale_of
from study.report.study_summary import StudySummary
from study.results.describe import space_parameters
from study.results.ranking import distinct
from study.storage.records import TrialRecord

MOST_AXES = 8
_AXIS_WIDTH = 84
FIFTHS = ("Last fifth", "Fourth fifth", "Middle fifth", "Second fifth", "Best fifth")


@dataclass(frozen=True, slots=True)
class _Axis:
    heading: str
    scale: Scale
    values: tuple[Any, ...]  # one a record, None where inactive


def parallel(records: Sequence[TrialRecord], summary: StudySummary) -> Figure | None:
    """Return the parallel coordinates of the trained candidates; None for fewer than two."""
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
        shapes=[_rule(position) for position in range(len(axes))],
        annotations=[label for i, a in enumerate(axes) for label in _labels(i, a.scale)],
    )
    for fifth, name in enumerate(FIFTHS):
        _add_fifth(plot, fifth, name, trained, axes, summary)
    return Figure(
        name="parallel",
        title="What the good candidates have in common",
        text=_text(trained, axes, summary),
        plot=plot,
        narrowest=_AXIS_WIDTH * len(axes),
    )


def _axes(trained: Sequence[TrialRecord], summary: StudySummary) -> list[_Axis]:
    names = [n for n in space_parameters(trained, summary.parameters) if _varied(n, trained)]
    if len(names) > MOST_AXES:
        rank = summary.importance
        names = sorted(names, key=lambda n: (-rank.get(n, 0.0), names.index(n)))[:MOST_AXES]
    found = []
    for name in names:
        values = tuple(record.params.get(name) for record in trained)
        found.append(_Axis(headline(name), scale_of(values), values))
    metric = summary.objective.metric
    numbers = tuple(record.objectives[0] for record in trained)
    return [*found, _Axis(metric_headline(metric), scale_of(numbers), numbers)]


def _varied(name: str, trained: Sequence[TrialRecord]) -> bool:
    return len({str(record.params.get(name)) for record in trained}) > 1


def _add_fifth(
    plot: Any,
    fifth: int,
    name: str,
    trained: Sequence[TrialRecord],
    axes: Sequence[_Axis],
    summary: StudySummary,
) -> None:
    members = [i for i in range(len(trained)) if i * len(FIFTHS) // len(trained) == fifth]
    x: list[float | None] = []
    y: list[float | None] = []
    text: list[str] = []
    for index in members:
        x += [*range(len(axes)), None]
        y += [*(a.scale.position(a.values[index]) for a in axes), None]
        text += [trial_hover(trained[index], summary)] * (len(axes) + 1)
    if not members:
        return
    plot.add_scatter(
        x=x,
        y=y,
        mode="lines+markers",
        name=f"{name} ({len(members)})",
        line={"color": SCALE[fifth], "width": 1 + 0.4 * fifth},
        marker={"size": 4 + fifth, "color": SCALE[fifth]},
        text=text,
        hovertemplate="%{text}<extra></extra>",
    )


def _rule(position: int) -> dict[str, Any]:
    line = {"color": LINE, "width": 1}
    ends = {"x0": position, "x1": position, "y0": 0, "y1": 1}
    return {"type": "line", **ends, "line": line, "layer": "below"}


def _labels(position: int, scale: Scale) -> list[dict[str, Any]]:
    return [
        {
            "x": position,
            "y": height,
            "text": in_plot(text),
            "showarrow": False,
            "xanchor": "left",
            "xshift": 7,
            "font": {"size": 11, "color": INK},
            "bgcolor": PAPER,
            "opacity": 0.85,
            "borderpad": 1,
        }
        for height, text in scale.ticks
    ]


def _text(trained: Sequence[TrialRecord], axes: Sequence[_Axis], summary: StudySummary) -> str:
    count = max(1, len(trained) // 5)
    common = []
    for a in axes[:-1]:
        top = [value for value in a.values[-count:] if value is not None]
        if top and a.scale.narrows(top):
            common.append(f"{a.heading.lower()} {a.scale.span(top)}")
    metric = metric_headline(summary.objective.metric).lower()
    return (
        f"One line for each of {counted(len(trained), 'trained candidate')}, by {metric}. "
        f"The best {'one has' if count == 1 else f'{count} have'} "
        f"{listed(common) or 'nothing in common that sets them apart'}."
    )
