"""Notes in Markdown on a study and its trials, in the form that optuna-dashboard reads.

The dashboard keeps every note among the study's system attributes, those of finished trials too:
``dashboard:[TRIAL_ID:]note_ver`` and ``…note_str:0``, ``…note_str:1``, … (optuna_dashboard 0.21,
``_note.py``). Its own ``save_note`` takes no finished trial and reads all notes for each one that
it writes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import optuna

PIECE = 2045
"""Characters of an attribute, as the dashboard cuts notes; some databases hold no more."""
OURS = "study-nas:note"
"""Newest version of the study's note that this program wrote; a later one is a person's."""


def has_note(attributes: Mapping[str, Any], trial_id: int) -> bool:
    """Tell whether a trial has a note, ours or a person's."""
    return _version_key(trial_id) in attributes


def write_trial_note(study: optuna.Study, trial_id: int, body: str) -> None:
    """Write a trial's first note."""
    _write(study, trial_id, body, version=1, attributes={})


def write_study_note(study: optuna.Study, body: str, attributes: Mapping[str, Any]) -> None:
    """Write or renew the study's note; one that a person has edited is left alone.

    Args:
        study: The study.
        body: The note.
        attributes: The study's system attributes as just read.
    """
    version, ours = attributes.get(_version_key(None), 0), attributes.get(OURS, 0)
    if version > ours or _body(attributes) == body:
        return
    study._storage.set_study_system_attr(study._study_id, OURS, version + 1)
    _write(study, None, body, version=version + 1, attributes=attributes)


def _write(
    study: optuna.Study,
    trial_id: int | None,
    body: str,
    *,
    version: int,
    attributes: Mapping[str, Any],
) -> None:
    """Write a note; the text first, so that a version that is there has its text."""
    pieces = [body[start : start + PIECE] for start in range(0, len(body), PIECE)]
    prefix = _text_prefix(trial_id)
    while f"{prefix}{len(pieces)}" in attributes:
        pieces.append("")
    for index, piece in enumerate(pieces):
        study._storage.set_study_system_attr(study._study_id, f"{prefix}{index}", piece)
    study._storage.set_study_system_attr(study._study_id, _version_key(trial_id), version)


def _body(attributes: Mapping[str, Any]) -> str:
    pieces: list[str] = []
    prefix = _text_prefix(None)
    while f"{prefix}{len(pieces)}" in attributes:
        pieces.append(attributes[f"{prefix}{len(pieces)}"])
    return "".join(pieces)


def _version_key(trial_id: int | None) -> str:
    return "dashboard:note_ver" if trial_id is None else f"dashboard:{trial_id}:note_ver"


def _text_prefix(trial_id: int | None) -> str:
    return "dashboard:note_str:" if trial_id is None else f"dashboard:{trial_id}:note_str:"
