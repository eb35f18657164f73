"""The report's figures as plots on a study's page in optuna-dashboard.

A plot lies among the study's system attributes as ``dashboard:plot_data:NAME:0``, ``…:1``, …
(optuna_dashboard 0.21, ``_custom_plot_data.py``). The dashboard's ``save_plotly_graph_object``
cuts it into pieces of 2,045 characters, a transaction each; SQLite and PostgreSQL take any length.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import optuna

    from study.report.document import Figure

PREFIX = "dashboard:plot_data:"
HEIGHT = 450
"""Of the dashboard's card, in pixels; what is higher is cut off."""
PIECE = 1_000_000
PIECE_MYSQL = 2045
MOST = 300_000
"""A longer plot goes without its hover texts: the page fetches it every few seconds."""


def write_plot(study: optuna.Study, figure: Figure, attributes: Mapping[str, Any]) -> None:
    """Write or renew a plot; nothing is written where it is there already.

    Args:
        study: The study.
        figure: What is shown, under its name.
        attributes: The study's system attributes as just read.
    """
    text = plot_json(figure)
    size = _piece_size(study)
    pieces = [text[start : start + size] for start in range(0, len(text), size)]
    prefix = f"{PREFIX}{figure.name}:"
    while f"{prefix}{len(pieces)}" in attributes:
        pieces.append("")
    for index, piece in enumerate(pieces):
        if attributes.get(f"{prefix}{index}") != piece:
            study._storage.set_study_system_attr(study._study_id, f"{prefix}{index}", piece)


def plot_json(figure: Figure) -> str:
    """Return a figure as plotly's JSON, with its title in it."""
    from study.report.figures.kit import standalone

    plot = standalone(figure).update_layout(height=HEIGHT)
    text: str = plot.to_json()
    if len(text) > MOST:
        plot.update_traces(text=None, customdata=None, hovertemplate=None)
        text = plot.to_json()
    return text


def _piece_size(study: optuna.Study) -> int:
    backend = getattr(study._storage, "_backend", study._storage)
    engine = getattr(backend, "engine", None)
    return PIECE_MYSQL if engine is not None and engine.name == "mysql" else PIECE
