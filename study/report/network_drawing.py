"""A resolved architecture as an SVG drawing: a line for each layer, with shape and parameters.

The left side shows the layer's output map, to scale. The right side shows the layer's parameters,
as a number and as a bar. The drawing contains its own light and dark colours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from study.common.formats import whole
from study.report.document import Figure
from study.report.palette import PALETTE
from study.report.study_summary import StudySummary, chosen
from study.results.describe import architecture_sentence
from study.search_space.describe import Layer, describe_layers
from study.search_space.resolve import stack_from_stored
from study.storage.records import TrialRecord

_RULES = (
    (".net-paper", "fill", "paper"),
    (".net-map", "fill", "accent_soft"),
    (".net-map", "stroke", "accent"),
    (".net-vector", "fill", "accent"),
    (".net-flow,.net-sum", "stroke", "line"),
    (".net-track", "fill", "sunken"),
    (".net-bar", "fill", "accent"),
    (".net-name,.net-shape,.net-total", "fill", "ink"),
    (".net-small,.net-count", "fill", "muted"),
)
"""Selector, property and role in the palette."""


def architecture_svg(architecture: Mapping[str, Any]) -> str:
    """Return the drawing of a stored architecture; empty if nothing is stored."""
    stack = stack_from_stored(architecture)
    if stack is None:
        return ""
    layers = describe_layers(stack)
    return _template().render(
        layers=layers,
        largest=max(stack.image.size, 1),
        total=sum(layer.parameters for layer in layers),
        description=_describe(architecture, layers),
        rules=_RULES,
        palette=PALETTE,
    )


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("study.report"), autoescape=True, undefined=StrictUndefined
    )
    environment.filters["whole"] = whole
    return environment.get_template("network.svg.j2")


def _describe(architecture: Mapping[str, Any], layers: Sequence[Layer]) -> str:
    lines = [
        f"{layer.name}, {layer.shape}"
        + (f", {whole(layer.parameters)} parameters" if layer.parameters else "")
        for layer in layers
    ]
    return f"{architecture_sentence(architecture)} Layers: {'; '.join(lines)}."


def network_figure(records: Sequence[TrialRecord], summary: StudySummary) -> Figure | None:
    """Return the drawing of the network that the study recommends; None without one."""
    winner = chosen(records, summary)
    svg = "" if winner is None else architecture_svg(winner.architecture)
    if winner is None or not svg:
        return None
    text = architecture_sentence(winner.architecture)
    return Figure(name="network", title=f"Network of trial {winner.number}", text=text, svg=svg)
