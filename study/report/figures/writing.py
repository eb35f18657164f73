"""Figures as PNG and SVG files. The only part of the report that touches the disk."""

from __future__ import annotations

import base64
import importlib.util
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import plotly.graph_objects as go

from study.common.errors import StudyError
from study.common.writing import write_text
from study.report.figures.figure import Figure, standalone

PictureFormat = Literal["png", "svg"]

WIDTH = 900
SCALE = {"png": 2.0, "svg": 1.0}

_REMEDY = (
    "install the extra with pip install 'study-nas[figures]' and Google Chrome or Chromium; "
    "the HTML report needs neither"
)


def write_figures(
    figures: Sequence[Figure],
    directory: Path,
    *,
    form: PictureFormat,
    drawings: Mapping[str, str] = MappingProxyType({}),
) -> list[Path]:
    """Write each figure as ``directory/NAME.png`` (or ``.svg``) and return the paths.

    A file appears under its name when it is complete. Plots are drawn by kaleido, which drives
    a Chrome or Chromium that it finds on this machine.

    Args:
        figures: Plots.
        directory: Where files go; it is made when it is missing.
        form: Of the files.
        drawings: SVG drawings by name; empty ones are left out.

    Raises:
        StudyError: kaleido or Chrome is missing, or could not draw; or a file cannot be written.
    """
    plots = {figure.name: standalone(figure) for figure in figures}
    drawn = {name: svg for name, svg in drawings.items() if svg}
    if form == "png":
        plots |= {name: _as_plot(svg) for name, svg in drawn.items()}
    try:
        directory.mkdir(parents=True, exist_ok=True)
        written = _write_plots(plots, directory, form=form) if plots else []
    except OSError as error:
        raise StudyError(
            f"{directory}: {error.strerror or error}; name a folder you may write to"
        ) from error
    for name, svg in drawn.items() if form == "svg" else ():
        written.append(directory / f"{name}.svg")
        write_text(written[-1], svg)
    return written


def _write_plots(
    plots: Mapping[str, go.Figure], directory: Path, *, form: PictureFormat
) -> list[Path]:
    paths = [directory / f"{name}.{form}" for name in plots]
    with tempfile.TemporaryDirectory(dir=directory, prefix=".figures-") as scratch:
        drafts = [Path(scratch) / path.name for path in paths]
        _draw(list(plots.values()), drafts, form=form)
        for draft, path in zip(drafts, paths, strict=True):
            draft.replace(path)
    return paths


def _as_plot(svg: str) -> go.Figure:
    """Return a drawing as a plot that holds nothing else: kaleido draws plots only."""
    size = re.search(r'viewBox="0 0 (\d+) (\d+)"', svg)
    assert size is not None
    image = {
        "source": f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}",
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
    if importlib.util.find_spec("kaleido") is None:
        raise StudyError(f"{form.upper()} figures need kaleido, not installed here; {_REMEDY}")
    import plotly.io

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
