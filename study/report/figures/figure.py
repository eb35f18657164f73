"""What every figure is: a plot, its title, and the same said in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from study.report.palette import PALETTE

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"

INK, MUTED, LINE = PALETTE["ink"].light, PALETTE["muted"].light, PALETTE["line"].light
MARK, ACCENT, BEST = PALETTE["mark"].light, PALETTE["accent"].light, PALETTE["best"].light
TWIN, PRUNED, FAILED = PALETTE["twin"].light, PALETTE["pruned"].light, PALETTE["failed"].light
PAPER, INVERSE = PALETTE["paper"].light, PALETTE["inverse"].light
SOFT = PALETTE["accent_soft"].light
SCALE = (*(PALETTE[f"scale_{step}"].light for step in (1, 2, 3, 4)), ACCENT)
"""Five steps from the weakest to the strongest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A figure of the report.

    Args:
        name: File name without ending: ``history``.
        title: Heading.
        text: The figure in a sentence or two, with its numbers.
        plot: The plot, in the light palette; a page swaps the colours for dark paper.
        group: Heading shared by the figures that are shown side by side; empty for none.
    """

    name: str
    title: str
    text: str
    plot: go.Figure
    group: str = ""


def axis(title: str = "", **more: Any) -> dict[str, Any]:
    """Return the layout of one axis."""
    return {
        "title": {"text": title, "font": {"size": 13, "color": MUTED}, "standoff": 10},
        "gridcolor": LINE,
        "linecolor": LINE,
        "zeroline": False,
        "automargin": True,
        "tickfont": {"size": 12, "color": MUTED},
        **more,
    }


def blank(*, x: dict[str, Any], y: dict[str, Any], height: int = 360, **more: Any) -> go.Figure:
    """Return an empty figure in the report's look.

    Args:
        x: Horizontal axis, from ``axis``.
        y: Vertical axis.
        height: In pixels; the width is the reader's.
        more: More of plotly's layout.
    """
    layout: dict[str, Any] = {
        "template": "none",
        "xaxis": x,
        "yaxis": y,
        "height": height,
        "font": {"family": FONT, "size": 13, "color": INK},
        "paper_bgcolor": PAPER,
        "plot_bgcolor": PAPER,
        "margin": {"l": 8, "r": 12, "t": 12, "b": 8},
        "hoverlabel": {"bgcolor": PAPER, "bordercolor": LINE, "font": {"color": INK}},
        "legend": {
            "orientation": "h",
            "x": 0,
            "y": 1.02,
            "yanchor": "bottom",
            "font": {"size": 12.5, "color": INK},
            "bgcolor": PAPER,
        },
        "hovermode": "closest",
    }
    return go.Figure(layout={**layout, **more})
