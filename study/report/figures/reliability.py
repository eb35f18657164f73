"""The reliability plot: whether a probability of .8 is right in 8 of 10 cases."""

from __future__ import annotations

from study.common.formats import percent
from study.report.figures.figure import ACCENT, MARK, Figure, axis, blank
from study.results.outcomes import FinalTest


def reliability(result: FinalTest | None) -> Figure | None:
    """Return accuracy against confidence by bin; None where there is none."""
    if result is None or not result.reliability:
        return None
    bins = sorted(result.reliability, key=lambda each: each.confidence)
    most = max(each.images for each in bins) or 1
    plot = blank(
        x=axis("Probability of the predicted class", range=[0, 1.02], tickformat=".0%"),
        y=axis("Share that was right", range=[0, 1.04], tickformat=".0%"),
        height=380,
    )
    plot.add_scatter(
        x=[0, 1],
        y=[0, 1],
        mode="lines",
        name="Perfectly calibrated",
        line={"color": MARK, "dash": "dash", "width": 1.5},
        hoverinfo="skip",
    )
    plot.add_scatter(
        x=[each.confidence for each in bins],
        y=[each.accuracy for each in bins],
        mode="lines+markers",
        name="This network; size by images",
        line={"color": ACCENT, "width": 2},
        marker={"color": ACCENT, "size": [7 + 15 * (b.images / most) ** 0.5 for b in bins]},
        customdata=[each.images for each in bins],
        hovertemplate="said %{x:.1%}, right %{y:.1%}, %{customdata} images<extra></extra>",
    )
    widest = max(bins, key=lambda each: abs(each.confidence - each.accuracy))
    error = "" if result.ece is None else f"Expected calibration error {percent(result.ece)}. "
    return Figure(
        name="reliability",
        title="How far its probabilities can be trusted",
        text=f"{error}The widest gap: predictions made with {percent(widest.confidence, 0)} "
        f"confidence were right in {percent(widest.accuracy, 0)} of {widest.images} cases.",
        plot=plot,
    )
