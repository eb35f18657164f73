"""Which parameters the value depends on."""

from __future__ import annotations

import math

from study.common.escaping import in_plot
from study.common.formats import headline, listed, metric_words, percent
from study.report.figures.figure import ACCENT, Figure, axis, blank
from study.report.study_summary import StudySummary

MOST_BARS = 15
_ROOM = 1.25
"""The axis goes on so far beyond the longest bar, for the number behind it."""


def importance(summary: StudySummary) -> Figure | None:
    """Return the importance of each parameter; None where it was not computed."""
    shares = {n: share for n, share in summary.importance.items() if math.isfinite(share)}
    if not shares:
        return None
    ordered = sorted(shares.items(), key=lambda pair: (-pair[1], pair[0]))[:MOST_BARS]
    plot = blank(
        x=axis(
            "Share of the variation explained",
            tickformat=".0%",
            range=[0, _ROOM * max(share for _, share in ordered) or 1.0],
        ),
        y=axis(autorange="reversed", showgrid=False),
        height=110 + 30 * len(ordered),
        bargap=0.35,
    )
    plot.add_bar(
        orientation="h",
        x=[share for _, share in ordered],
        y=[in_plot(headline(name)) for name, _ in ordered],
        marker={"color": ACCENT},
        text=[percent(share, 0) for _, share in ordered],
        textposition="outside",
        cliponaxis=False,
        hovertemplate="%{y}: %{x:.1%}<extra></extra>",
    )
    told = [f"{headline(name).lower()} {percent(share, 0)}" for name, share in ordered[:3]]
    metric = metric_words(summary.objective.metric)
    return Figure(
        name="importance",
        title="Which parameters matter",
        text=f"Of the variation in {metric}: {listed(told)}. "
        "An estimate (PED-ANOVA) from this study's trials, not a cause.",
        plot=plot,
    )
