"""Figures as PNG and SVG files."""

from __future__ import annotations

import base64
import importlib.util
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import plotly.graph_objects as go
import plotly.io

from study.common.atomic_write import write_text
from study.common.errors import StudyError
from study.report.document import Figure
from study.report.figures.kit import standalone

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

    A file gets its name when it is complete. Kaleido draws the plots with a Chrome or Chromium
    that it finds on this machine. An SVG drawing is written as it is.
    """
    drawings = {f.name: f.svg for f in figures if f.svg and form == "svg"}
    plots = {f.name: _as_plot(f) for f in figures if f.name not in drawings}
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=directory, prefix=".figures-") as scratch:
            drafts = [Path(scratch) / f"{name}.{form}" for name in plots]
            _draw(list(plots.values()), drafts, form=form)
            for draft in drafts:
                draft.replace(directory / draft.name)
    except OSError as error:
        raise StudyError(
            f"{directory}: {error.strerror or error}; name a folder you may write to"
        ) from error
    for name, svg in drawings.items():
        write_text(directory / f"{name}.svg", svg)
    return [directory / f"{figure.name}.{form}" for figure in figures]


def _as_plot(figure: Figure) -> go.Figure:
    """Return a figure as a plot; kaleido draws nothing else, so a drawing is put into one."""
    if not figure.svg:
        return standalone(figure)
    size = re.search(r'viewBox="0 0 (\d+) (\d+)"', figure.svg)
    assert size is not None
    image = {
        "source": f"data:image/svg+xml;base64,{base64.b64encode(figure.svg.encode()).decode()}",
        "xref": "paper",
        "yref": "paper",
        "x": 0,
        "y": 1,
        "sizex": 1,
        "sizey": 1,
    }
    return go.Figure(
        layout={
            "template": "none",
            "images": [image],
            "width": int(size[1]),
            "height": int(size[2]),
            "margin": {"l": 0, "r": 0, "t": 0, "b": 0},
            "xaxis": {"visible": False},
            "yaxis": {"visible": False},
        }
    )


def _draw(plots: Sequence[go.Figure], drafts: Sequence[Path], *, form: PictureFormat) -> None:
    if not plots:
        return
    if importlib.util.find_spec("kaleido") is None:
        raise StudyError(f"{form.upper()} figures need kaleido, not installed here; {_REMEDY}")
    try:
        plotly.io.write_images(
            fig=list(plots),
            file=list(drafts),
            format=form,
            width=[plot.layout.width or WIDTH for plot in plots],
            height=[plot.layout.height for plot in plots],
            scale=SCALE[form],
        )
    except (RuntimeError, OSError, ValueError) as error:
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        message = f"{form.upper()} figures could not be drawn: {reason}; {_REMEDY}"
        raise StudyError(message) from error
