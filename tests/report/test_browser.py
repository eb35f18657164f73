"""The page in a real headless Chromium: drawn, in light and dark, without a word of complaint."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from study.report.figures import study_figures
from study.report.palette import PALETTE
from study.report.study_summary import StudySummary
from study.storage.records import TrialRecord
from tests.report import rendered
from tests.report.builders import full_summary, seed_study, stages_study, summary

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="neither Chromium nor Chrome is installed"),
]

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--enable-logging=stderr", "--v=0", "--virtual-time-budget=20000", "--dump-dom",
)  # fmt: skip
DARK, LIGHT = 0, 1


def opened(page: str, folder: Path, *, scheme: int = LIGHT, width: int = 1280) -> tuple[str, str]:
    """Return the page's elements after its scripts ran, and what the console said."""
    file = folder / "page.html"
    file.write_text(page, encoding="utf-8")
    command = [
        str(CHROMIUM),
        *FLAGS,
        f"--user-data-dir={folder / 'profile'}",
        f"--window-size={width},900",
        f"--blink-settings=preferredColorScheme={scheme}",
        file.as_uri(),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return done.stdout, "\n".join(console)


def test_the_console_is_heard(tmp_path: Path) -> None:
    _, console = opened("<script>console.error('planted')</script>", tmp_path)
    assert "planted" in console


@pytest.mark.parametrize(
    ("records", "study"),
    [
        (seed_study(), full_summary()),
        (stages_study(), summary(parameters=(), importance={"norm": 1.0})),
        (seed_study(8), summary(name="<script>alert(1)</script>")),
    ],
    ids=["tested", "stages", "named like a script"],
)
def test_every_plot_is_drawn_and_the_console_is_silent(
    records: list[TrialRecord], study: StudySummary, tmp_path: Path
) -> None:
    page, console = opened(rendered.html(records, study), tmp_path)
    count = len(study_figures(records, study))
    assert console == ""
    assert f'data-plots="{count}"' in page
    assert len(re.findall(r'class="plot-container', page)) == count


def test_an_empty_page_opens_in_silence(tmp_path: Path) -> None:
    page, console = opened(rendered.html([], summary()), tmp_path)
    assert console == ""
    assert "No trial has begun yet." in page


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
def test_plots_take_the_reader_s_colours(scheme: int, tmp_path: Path) -> None:
    page, _ = opened(rendered.html(seed_study(), full_summary()), tmp_path, scheme=scheme)
    accent = PALETTE["accent"].dark if scheme == DARK else PALETTE["accent"].light
    red, green, blue = (int(accent[i : i + 2], 16) for i in (1, 3, 5))
    drawn = page.split('class="plot-container', 1)[1]
    assert f"rgb({red}, {green}, {blue})" in drawn


@pytest.mark.parametrize("width", [500, 900, 1280])
def test_the_page_never_scrolls_sideways(width: int, tmp_path: Path) -> None:
    page = re.sub(
        r'<meta http-equiv="Content-Sec[^>]*>', "", rendered.html(stages_study(), full_summary())
    )
    measure = (
        "<script>setTimeout(() => { const e = document.documentElement;"
        "e.dataset.beyond = e.scrollWidth - e.clientWidth; }, 5000)</script></body>"
    )
    found, _ = opened(page.replace("</body>", measure), tmp_path, width=width)
    assert 'data-beyond="0"' in found
