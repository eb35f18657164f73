"""A real headless Chromium, driven through chromedriver in the W3C's WebDriver protocol."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")

needs_browser = pytest.mark.skipif(
    CHROMIUM is None or DRIVER is None,
    reason="needs Chromium and chromedriver (Debian: chromium, chromium-driver)",
)

ARGUMENTS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--hide-scrollbars",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Browser:
    """A window of the browser."""

    session: str
    """Address of the driver's session."""

    def open(self, address: str) -> None:
        _ask("POST", f"{self.session}/url", {"url": address})

    def run(self, script: str) -> Any:
        """Return what a script returns in the page."""
        return _ask("POST", f"{self.session}/execute/sync", {"script": script, "args": []})

    def wait_for(self, condition: str, *, seconds: float = 20.0) -> Any:
        """Wait until an expression is true in the page, and return its value."""
        deadline = time.monotonic() + seconds
        while not (found := self.run(f"return {condition}")):
            if time.monotonic() > deadline:
                raise AssertionError(f"never true: {condition}\n{self.text()}\n{self.console()}")
            time.sleep(0.1)
        return found

    def text(self) -> str:
        """Return the visible text."""
        return str(self.run("return document.body.innerText"))

    def console(self) -> list[str]:
        """Return the errors and warnings in the console since the last call."""
        entries = _ask("POST", f"{self.session}/se/log", {"type": "browser"})
        return [f"{entry['level']} {entry['message']}" for entry in entries]

    def screenshot(self, path: Path) -> None:
        """Write a picture of the screen as PNG."""
        path.write_bytes(base64.b64decode(_ask("GET", f"{self.session}/screenshot")))

    def media(self, **features: str) -> None:
        """Set media features, as ``prefers_color_scheme="dark"``."""
        chosen = [{"name": k.replace("_", "-"), "value": v} for k, v in features.items()]
        command = {"cmd": "Emulation.setEmulatedMedia", "params": {"features": chosen}}
        _ask("POST", f"{self.session}/goog/cdp/execute", command)

    def screen(self, width: int, height: int, *, phone: bool = False) -> None:
        """Set the size of the screen in CSS pixels; a phone has touch and a dense screen."""
        size = {"width": width, "height": height}
        params = {**size, "deviceScaleFactor": 2 if phone else 1, "mobile": phone}
        command = {"cmd": "Emulation.setDeviceMetricsOverride", "params": params}
        _ask("POST", f"{self.session}/goog/cdp/execute", command)


@contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """Start a browser with an empty profile in ``folder``."""
    driver = subprocess.Popen(
        [str(DRIVER), "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        session = _session(_address(driver), folder)
        try:
            yield Browser(session=session)
        finally:
            _ask("DELETE", session)
    finally:
        driver.terminate()
        driver.wait()
        if driver.stdout is not None:
            driver.stdout.close()


def _address(driver: subprocess.Popen[str]) -> str:
    assert driver.stdout is not None
    for line in driver.stdout:
        if found := re.search(r"started successfully on port (\d+)", line):
            return f"http://127.0.0.1:{found[1]}"
    raise AssertionError("chromedriver did not start")


def _session(address: str, folder: Path) -> str:
    arguments = [*ARGUMENTS, f"--user-data-dir={folder / 'profile'}"]
    options = {"binary": CHROMIUM, "args": arguments}
    wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
    started = _ask("POST", f"{address}/session", {"capabilities": {"alwaysMatch": wanted}})
    return f"{address}/session/{started['sessionId']}"


def _ask(method: str, address: str, content: Any = None) -> Any:
    data = None if content is None else json.dumps(content).encode()
    request = urllib.request.Request(
        address, data=data, method=method, headers={"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.load(answer)["value"]
    except urllib.error.HTTPError as error:
        raise AssertionError(error.read().decode(errors="replace")[:2000]) from error
