"""Notes and plots in the form in which optuna-dashboard keeps them: a study's system attributes.

A note, also of a finished trial, is ``dashboard:[TRIAL_ID:]note_ver`` and ``…note_str:0``,
``…note_str:1``, … (optuna_dashboard 0.21, ``_note.py``). The dashboard's own ``save_note`` takes
no finished trial, and reads all notes for each note that it writes. A plot is
``dashboard:plot_data:NAME:0``, ``…:1``, … (``_custom_plot_data.py``). The dashboard's own
``save_plotly_graph_object`` writes pieces of 2,045 characters, a transaction each; SQLite and
PostgreSQL take any length.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import optuna

from study.report.document import Figure
from study.report.figures.kit import standalone

NOTE_PIECE = 2045
"""Characters of an attribute of a note; the dashboard expects this length."""
OWN_VERSION = "study-nas:note"
"""Newest version of the study's note that this program wrote; a later one is a person's."""

PLOT_PIECE, PLOT_PIECE_MYSQL = 1_000_000, 2045
PLOT_HEIGHT = 450
"""Height of the dashboard's card in pixels; it cuts off what is higher."""
LONGEST_PLOT = 300_000
"""A longer plot loses its hover texts, because the page loads it every few seconds."""


def has_note(attributes: Mapping[str, Any], trial_id: int) -> bool:
    """Tell whether a trial has a note, of this program or of a person."""
    return _version_key(trial_id) in attributes


def write_trial_note(study: optuna.Study, trial_id: int, body: str) -> None:
    """Write a trial's first note."""
    _write_note(study, trial_id, body, version=1, attributes={})


def write_study_note(study: optuna.Study, body: str, attributes: Mapping[str, Any]) -> None:
    """Write or renew the study's note; a note that a person has edited stays.

    ``attributes`` are the study's system attributes, just read.
    """
    version, own = attributes.get(_version_key(None), 0), attributes.get(OWN_VERSION, 0)
    if version > own or _note_body(attributes) == body:
        return
    study._storage.set_study_system_attr(study._study_id, OWN_VERSION, version + 1)
    _write_note(study, None, body, version=version + 1, attributes=attributes)


def _write_note(
    study: optuna.Study,
    trial_id: int | None,
    body: str,
    *,
    version: int,
    attributes: Mapping[str, Any],
) -> None:
    """Write a note: first its text, then its version, so that a stored version has its text."""
    pieces = _pieces(body, NOTE_PIECE, _text_prefix(trial_id), attributes)
    for key, piece in pieces.items():
        study._storage.set_study_system_attr(study._study_id, key, piece)
    study._storage.set_study_system_attr(study._study_id, _version_key(trial_id), version)


def _note_body(attributes: Mapping[str, Any]) -> str:
    pieces: list[str] = []
    prefix = _text_prefix(None)
    while f"{prefix}{len(pieces)}" in attributes:
        pieces.append(attributes[f"{prefix}{len(pieces)}"])
    return "".join(pieces)


def _version_key(trial_id: int | None) -> str:
    return "dashboard:note_ver" if trial_id is None else f"dashboard:{trial_id}:note_ver"


def _text_prefix(trial_id: int | None) -> str:
    return "dashboard:note_str:" if trial_id is None else f"dashboard:{trial_id}:note_str:"


def write_plot(study: optuna.Study, figure: Figure, attributes: Mapping[str, Any]) -> None:
    """Write or renew a plot; a piece that is stored already is not written again.

    ``attributes`` are the study's system attributes, just read.
    """
    prefix = f"dashboard:plot_data:{figure.name}:"
    pieces = _pieces(plot_json(figure), _plot_piece(study), prefix, attributes)
    for key, piece in pieces.items():
        if attributes.get(key) != piece:
            study._storage.set_study_system_attr(study._study_id, key, piece)


def plot_json(figure: Figure) -> str:
    """Return a figure as plotly's JSON, with its title in it."""
    plot = standalone(figure).update_layout(height=PLOT_HEIGHT)
    text: str = plot.to_json()
    if len(text) > LONGEST_PLOT:
        plot.update_traces(text=None, customdata=None, hovertemplate=None)
        text = plot.to_json()
    return text


def _plot_piece(study: optuna.Study) -> int:
    backend = getattr(study._storage, "_backend", study._storage)
    engine = getattr(backend, "engine", None)
    return PLOT_PIECE_MYSQL if engine is not None and engine.name == "mysql" else PLOT_PIECE


def _pieces(text: str, size: int, prefix: str, stored: Mapping[str, Any]) -> dict[str, str]:
    """Return the pieces of a text by key; empty ones replace the rest of a longer stored text."""
    pieces = [text[start : start + size] for start in range(0, len(text), size)]
    while f"{prefix}{len(pieces)}" in stored:
        pieces.append("")
    return {f"{prefix}{index}": piece for index, piece in enumerate(pieces)}
