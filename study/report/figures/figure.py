"""What every figure is: a plot, its title, and the same said in words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from study.common.escaping import in_plot
from study.report.palette import PALETTE

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"

INK, MUTED, LINE = PALETTE["ink"].light, PALETTE["muted"].light, PALETTE["line"].light
MARK, ACCENT, BEST = PALETTE["mark"].light, PALETTE["accent"].light, PALETTE["best"].light
DUPLICATE, PRUNED, FAILED = (
    PALETTE["duplicate"].light,
    PALETTE["pruned"].light,
    PALETTE["failed"].light,
)
PAPER, INVERSE = PALETTE["paper"].light, PALETTE["inverse"].light
SOFT = PALETTE["accent_soft"].light
SCALE = (*(PALETTE[f"scale_{step}"].light for step in (1, 2, 3, 4)), ACCENT)
"""Five steps from the weakest to the strongest."""


_TITLE_HEIGHT = 66
"""Room for the title and, under it, the legend, in pixels."""
_FEW = 10
"""An axis of whole numbers this long or shorter labels every one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A figure of the report.

    Args:
        name: File name without ending: ``history``.
        title: Heading.
        text: The figure in a sentence or two, with its numbers.
        plot: The plot, in the light palette; a page swaps the colours for dark paper.
        narrowest: Width in pixels below which a narrow screen scrolls it sideways.
        group: Heading shared by the figures that are shown side by side; empty for none.
    """

    name: str
    title: str
    text: str
    plot: go.Figure
    narrowest: int = 0
    group: str = ""


def standalone(figure: Figure) -> go.Figure:
    """Return a figure's plot with its title in it, for where no page stands around it."""
    title = {
        "text": in_plot(figure.title),
        "font": {"size": 17},
        "x": 0.02,
        "y": 1,
        "yref": "container",
        "yanchor": "top",
        "pad": {"t": 16},
    }
    plot = go.Figure(figure.plot)
    height = (plot.layout.height or 360) + _TITLE_HEIGHT
    margin = {"l": 20, "r": 20, "t": 12 + _TITLE_HEIGHT, "b": 16}
    return plot.update_layout(title=title, height=height, margin=margin)


def axis(title: str = "", **more: Any) -> dict[str, Any]:
    """Return the layout of one axis."""
    named = {"text": title, "font": {"size": 13, "color": MUTED}, "standoff": 10}
    return {
        **({"title": named} if title else {}),
        "gridcolor": LINE,
        "linecolor": LINE,
        "zeroline": False,
        "automargin": True,
        "tickfont": {"size": 12, "color": MUTED},
        **more,
    }


def whole_axis(title: str, numbers: Iterable[float], **more: Any) -> dict[str, Any]:
    """Return the layout of an axis of whole numbers, which never shows a half."""
    shown = list(numbers)
    few = bool(shown) and max(shown) - min(shown) <= _FEW
    return axis(title, tickformat="d", **({"dtick": 1} if few else {}), **more)


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
