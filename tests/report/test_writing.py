from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

import pytest

from study.common.errors import StudyError
from study.report.figures.writing import PictureFormat, write_figures
from tests.report import rendered
from tests.report.builders import full_summary, seed_study, summary

HAS_KALEIDO = importlib.util.find_spec("kaleido") is not None
HAS_CHROME = any(map(shutil.which, ("chromium", "google-chrome", "chrome")))
MAGIC: dict[PictureFormat, bytes] = {"png": b"\x89PNG", "svg": b"<svg"}


def test_no_figures_need_no_browser(tmp_path: Path) -> None:
    assert write_figures(rendered.all_figures([], summary()), tmp_path / "new", form="png") == []
    assert list((tmp_path / "new").iterdir()) == []


def test_without_kaleido_the_error_names_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures = rendered.all_figures(seed_study(), summary())
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(StudyError, match=r"need kaleido.*pip install 'study-nas\[figures\]'"):
        write_figures(figures, tmp_path, form="svg")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not HAS_KALEIDO, reason="kaleido is not installed (extra 'figures')")
def test_without_chrome_the_error_names_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BROWSER_PATH", str(tmp_path / "no-such-browser"))
    with pytest.raises(StudyError, match=r"could not be drawn.*Chrome.*the HTML report needs"):
        write_figures(rendered.all_figures(seed_study(), summary())[:1], tmp_path, form="png")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.skipif(not HAS_KALEIDO, reason="kaleido is not installed (extra 'figures')")
@pytest.mark.skipif(not HAS_CHROME, reason="neither Chromium nor Chrome is installed")
@pytest.mark.parametrize("form", ["png", "svg"])
def test_every_figure_is_written_whole(tmp_path: Path, form: PictureFormat) -> None:
    figures = rendered.all_figures(seed_study(), full_summary())
    paths = write_figures(figures, tmp_path, form=form)
    assert [path.name for path in paths] == [f"{figure.name}.{form}" for figure in figures]
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in paths}
    assert all(path.read_bytes().startswith(MAGIC[form]) for path in paths)
