"""Figures as PNG and SVG files. The only part of the report that touches the disk."""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from study.errors import StudyError
from study.report.figures.figure import Figure, standalone

PictureFormat = Literal["png", "svg"]

WIDTH = 900
SCALE = {"png": 2.0, "svg": 1.0}

_REMEDY = (
    "install the extra with pip install 'study-nas[figures]' and Google Chrome or Chromium; "
    "the HTML report needs neither"
)


def write_figures(
    figures: Sequence[Figure], directory: Path, *, form: PictureFormat
) -> list[Path]:
    """Write each figure as ``directory/NAME.png`` (or ``.svg``) and return the paths.

    A file appears under its name when it is complete. Pictures are drawn by kaleido, which drives
    a Chrome or Chromium that it finds on this machine.

    Raises:
        StudyError: kaleido or Chrome is missing, or could not draw.
    """
    directory.mkdir(parents=True, exist_ok=True)
    paths = [directory / f"{figure.name}.{form}" for figure in figures]
    if not figures:
        return paths
    with tempfile.TemporaryDirectory(dir=directory, prefix=".figures-") as scratch:
        drafts = [Path(scratch) / path.name for path in paths]
        _draw(figures, drafts, form=form)
        for draft, path in zip(drafts, paths, strict=True):
            draft.replace(path)
    return paths


def _draw(figures: Sequence[Figure], drafts: Sequence[Path], *, form: PictureFormat) -> None:
    if importlib.util.find_spec("kaleido") is None:
        raise StudyError(f"{form.upper()} figures need kaleido, not installed here; {_REMEDY}")
    import plotly.io

    plots = [standalone(figure) for figure in figures]
    try:
        plotly.io.write_images(
            fig=plots,
            file=list(drafts),
            format=form,
            width=WIDTH,
            height=[plot.layout.height for plot in plots],
            scale=SCALE[form],
        )
    except (RuntimeError, OSError, ValueError) as error:
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        message = f"{form.upper()} figures could not be drawn: {reason}; {_REMEDY}"
        raise StudyError(message) from error
