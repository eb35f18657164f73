"""The dashboard in a real browser: a study's page, a trial's note and pictures, our plots."""

from __future__ import annotations

import re
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.browser import Browser, browser, needs_browser
from tests.studies import command, invoke

pytestmark = [pytest.mark.slow, needs_browser]


@pytest.fixture(scope="module", name="folder")
def _folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a finished study on handwritten digits."""
    folder = tmp_path_factory.mktemp("dashboard")
    code, _, error = invoke(
        *("run", "seed", "--dataset", "digits", "--trials", "3", "--workers", "1"), cwd=folder
    )
    assert code == 0, error
    return folder


@contextmanager
def dashboard(folder: Path, *flags: str) -> Iterator[str]:
    """Serve the dashboard of a folder's ``study.db`` and return its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = command("dashboard", "--port", str(port), *flags, cwd=folder)
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+", line)
        assert found, line
        yield found[0]
    finally:
        process.terminate()
        process.communicate()


@pytest.fixture(scope="module", name="opened")
def _opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("browser")) as window:
        yield window


@pytest.fixture(name="window")
def _window(opened: Browser) -> Browser:
    """Return an empty window, because an open page asks its server again and again."""
    opened.screen(1400, 900)
    opened.open("about:blank")
    opened.console()
    return opened


def test_the_study_is_listed_and_its_page_shows_our_plots(folder: Path, window: Browser) -> None:
    with dashboard(folder) as address:
        window.open(f"{address}/dashboard")
        window.wait_for("document.body.innerText.includes('seed')")
        window.open(f"{address}/dashboard/studies/1")
        titles = "[...document.querySelectorAll('.gtitle')].map(e => e.textContent)"
        for title in ("How the networks learned", "Who worked when", "How the search went"):
            window.wait_for(f"{titles}.includes({title!r})", seconds=60)
        assert window.console() == []


def test_a_trial_s_page_has_its_note_and_its_drawing(folder: Path, window: Browser) -> None:
    with dashboard(folder, "--read-only") as address:
        window.open(f"{address}/dashboard/studies/1/trials?numbers=1")
        window.wait_for("document.body.innerText.includes('MACs an image')")
        text = window.text()
        assert "Conv layers:" in text
        assert "conv3-32 → max" in text
        window.wait_for("document.body.innerText.includes('network.svg')")
        window.wait_for(
            "[...document.querySelectorAll('img')].some("
            "e => e.src.includes('/artifacts/') && e.complete && e.naturalWidth > 100)"
        )
        assert window.run("return document.documentElement.scrollWidth") <= 1400
        assert window.console() == []


def test_the_study_s_note_says_how_to_continue(folder: Path, window: Browser) -> None:
    with dashboard(folder, "--read-only") as address:
        window.open(f"{address}/dashboard/studies/1/note")
        window.wait_for("document.body.innerText.includes('run_study.py resume seed')")
        assert "handwritten digits" in window.text()


def test_a_read_only_dashboard_refuses_changes(folder: Path) -> None:
    with dashboard(folder, "--read-only") as address:
        request = urllib.request.Request(
            f"{address}/api/studies/1/note", data=b'{"body": "x", "version": 9}', method="PUT"
        )
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(request, timeout=20)


def test_a_request_under_another_host_name_is_refused(folder: Path) -> None:
    with dashboard(folder) as address:
        request = urllib.request.Request(f"{address}/api/studies", headers={"Host": "evil.test"})
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(request, timeout=20)
