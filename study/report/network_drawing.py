"""A resolved architecture as an SVG drawing: a line for each layer, with shape and parameters.

The left side shows the layer's output map, to scale. The right side shows the layer's parameters,
as a number and as a bar. The drawing contains its own light and dark colours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from study.common.formats import whole
from study.report.document import Figure
from study.report.palette import PALETTE
from study.report.study_summary import StudySummary, chosen
from study.results.describe import architecture_sentence
from study.search_space.describe import Layer, describe_layers
from study.search_space.resolve import stack_from_stored
from study.storage.records import TrialRecord

_WIDTH = 440
_ROW = 64
_TOP = 10
_GLYPH = 44
"""Side of the input image's square, in drawing units; smaller maps are drawn to scale."""
_GLYPH_CENTRE = 40
_TEXT = 80
_BAR = 110
_RIGHT = _WIDTH - 20


def architecture_svg(architecture: Mapping[str, Any]) -> str:
    """Return the drawing of a stored architecture; empty if nothing is stored."""
    stack = stack_from_stored(architecture)
    if stack is None:
        return ""
    drawn = describe_layers(stack)
    height = _TOP + _ROW * len(drawn) + 44
    total = sum(layer.parameters for layer in drawn)
    body = "".join(
        _row(layer, index, largest=max(stack.image.size, 1), total=total)
        for index, layer in enumerate(drawn)
    )
    title = f"Network of {whole(total)} parameters"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" '
        f'viewBox="0 0 {_WIDTH} {height}" '
        f'class="network" role="img" aria-labelledby="network-title network-text">'
        f'<title id="network-title">{escape(title)}</title>'
        f'<desc id="network-text">{escape(_description(architecture, drawn))}</desc>'
        f"<style>{_style()}</style>"
        f'<rect class="net-paper" width="{_WIDTH}" height="{height}" rx="10"/>'
        f"{_flow(len(drawn))}{body}{_total(height, total)}</svg>"
    )


def network_figure(records: Sequence[TrialRecord], summary: StudySummary) -> Figure | None:
    """Return the drawing of the network that the study recommends; None without one."""
    winner = chosen(records, summary)
    svg = "" if winner is None else architecture_svg(winner.architecture)
    if winner is None or not svg:
        return None
    text = architecture_sentence(winner.architecture)
    return Figure(name="network", title=f"Network of trial {winner.number}", text=text, svg=svg)


def _row(layer: Layer, index: int, *, largest: int, total: int) -> str:
    middle = _TOP + _ROW * index + _ROW / 2
    detail = _text(_TEXT, middle + 14, layer.detail, "net-small") if layer.detail else ""
    name_height = middle - 3 if layer.detail else middle + 5
    return (
        _glyph(layer, middle, largest)
        + _text(_TEXT, name_height, layer.name, "net-name")
        + detail
        + _text(_RIGHT, middle - 6 if layer.parameters else middle + 5, layer.shape, "net-shape")
        + _cost(layer, middle, total)
    )


def _glyph(layer: Layer, middle: float, largest: int) -> str:
    """Draw the output of a layer: a square to scale, or a slim upright bar for a vector."""
    vector = "×" not in layer.shape
    side = max(5.0, _GLYPH * layer.size / largest)
    width, height = (7.0, 26.0) if vector else (side, side)
    kind = "net-vector" if vector else "net-map"
    return (
        f'<rect class="{kind}" x="{_GLYPH_CENTRE - width / 2:.1f}" y="{middle - height / 2:.1f}" '
        f'width="{width:.1f}" height="{height:.1f}" rx="2"/>'
    )


def _cost(layer: Layer, middle: float, total: int) -> str:
    if not layer.parameters:
        return ""
    length = max(1.5, _BAR * layer.parameters / total)
    y = middle + 17
    return (
        _text(_RIGHT, middle + 10, f"{whole(layer.parameters)} parameters", "net-count")
        + f'<rect class="net-track" x="{_RIGHT - _BAR}" y="{y}" width="{_BAR}" height="3"/>'
        + f'<rect class="net-bar" x="{_RIGHT - length:.1f}" y="{y}" width="{length:.1f}" '
        'height="3"/>'
    )


def _flow(count: int) -> str:
    """Draw the line that connects all maps."""
    top, bottom = _TOP + _ROW / 2, _TOP + _ROW * (count - 0.5)
    return (
        f'<line class="net-flow" x1="{_GLYPH_CENTRE}" y1="{top}" x2="{_GLYPH_CENTRE}" '
        f'y2="{bottom}"/>'
    )


def _total(height: float, total: int) -> str:
    """Draw the sum of the parameters under a line."""
    y = height - 36
    return (
        f'<line class="net-sum" x1="{_TEXT}" y1="{y}" x2="{_RIGHT}" y2="{y}"/>'
        + _text(_TEXT, y + 21, "In all", "net-name")
        + _text(_RIGHT, y + 21, f"{whole(total)} parameters", "net-total")
    )


def _text(x: float, y: float, text: str, kind: str) -> str:
    return f'<text class="{kind}" x="{x}" y="{y}">{escape(text)}</text>'


def _description(architecture: Mapping[str, Any], drawn: list[Layer]) -> str:
    lines = [
        f"{layer.name}, {layer.shape}"
        + (f", {whole(layer.parameters)} parameters" if layer.parameters else "")
        for layer in drawn
    ]
    return f"{architecture_sentence(architecture)} Layers: {'; '.join(lines)}."


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


def _style() -> str:
    light = "".join(f"{which}{{{what}:{PALETTE[role].light}}}" for which, what, role in _RULES)
    dark = "".join(f"{which}{{{what}:{PALETTE[role].dark}}}" for which, what, role in _RULES)
    fixed = (
        ".network text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,sans-serif}"
        ".net-name{font-size:15px;font-weight:600}"
        ".net-shape{font-size:15px;text-anchor:end;font-variant-numeric:tabular-nums}"
        ".net-small{font-size:12.5px}"
        ".net-count,.net-total{font-size:12.5px;text-anchor:end;"
        "font-variant-numeric:tabular-nums}"
        ".net-total{font-size:15px;font-weight:600}.net-map{stroke-width:1.5}.net-flow{stroke-width:2}"
    )
    return f"{fixed}{light}@media (prefers-color-scheme:dark){{{dark}}}"
