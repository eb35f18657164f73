"""The page in a real headless Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from study.report.figures import study_figures
from study.report.palette import PALETTE
from study.report.study_summary import StudySummary
from study.storage.records import TrialRecord
from tests.browser import Browser, browser, needs_browser
from tests.report import rendered
from tests.report.builders import full_summary, seed_study, stages_study, summary

pytestmark = [pytest.mark.slow, needs_browser]

STUDIES = {
    "tested": (seed_study(), full_summary()),
    "stages": (stages_study(), summary(parameters=(), importance={"norm": 1.0})),
    "named like a script": (seed_study(8), summary(name="<script>alert(1)</script>")),
    "empty": ([], summary()),
}


@pytest.fixture(scope="module", name="window")
def _window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("browser")) as window:
        yield window


def open_page(window: Browser, page: str, folder: Path) -> None:
    """Open a page and wait until its plots are drawn."""
    file = folder / "page.html"
    file.write_text(page, encoding="utf-8")
    window.console()
    window.open(file.as_uri())
    drawn = "document.documentElement.dataset.plots || !document.querySelector('.plot')"
    window.wait_for(drawn, seconds=60)


def test_an_error_on_the_console_is_found(window: Browser, tmp_path: Path) -> None:
    open_page(window, "<script>console.error('planted')</script>", tmp_path)
    assert "planted" in str(window.console())


@pytest.mark.parametrize(("records", "study"), STUDIES.values(), ids=STUDIES)
def test_every_plot_is_drawn_and_no_screen_scrolls_sideways(
    records: list[TrialRecord], study: StudySummary, window: Browser, tmp_path: Path
) -> None:
    page = rendered.html(records, study)
    for width in (390, 500, 900, 1280):
        window.screen(width, 844, phone=width == 390)
        open_page(window, page, tmp_path)
        assert window.console() == []
        plots = window.run("return document.querySelectorAll('.plot-container').length")
        assert plots == len(study_figures(records, study))
        beyond = "const e = document.documentElement; return e.scrollWidth - e.clientWidth"
        assert window.run(beyond) == 0, width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_plots_take_the_reader_s_colours(scheme: str, window: Browser, tmp_path: Path) -> None:
    window.media(prefers_color_scheme=scheme)
    open_page(window, rendered.html(*STUDIES["tested"]), tmp_path)
    accent = getattr(PALETTE["accent"], scheme)
    red, green, blue = (int(accent[i : i + 2], 16) for i in (1, 3, 5))
    drawn = window.run("return document.querySelector('.plot-container').outerHTML")
    assert f"rgb({red}, {green}, {blue})" in drawn
    assert window.console() == []
