"""The command line as a person has it: in a terminal of its own, with keys that are pressed."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.studies import ROOT

CTRL_C = b"\x03"


@dataclass(kw_only=True)
class Terminal:
    """A process whose terminal is a real pseudo-terminal.

    Args:
        process: The process.
        keys: Our end of its terminal.
        screen: What it has shown so far.
    """

    process: subprocess.Popen[bytes]
    keys: int
    screen: str = ""
    pressed: float = field(default=0.0)

    def press(self, keys: bytes) -> None:
        """Press keys and note when."""
        self.pressed = time.monotonic()
        os.write(self.keys, keys)

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process alone and note when."""
        self.pressed = time.monotonic()
        self.process.send_signal(number)

    def read(self) -> None:
        """Take what it has shown since."""
        while select.select([self.keys], [], [], 0)[0]:
            try:
                shown = os.read(self.keys, 65536)
            except OSError:  # the other end is closed
                return
            if not shown:
                return
            self.screen += shown.decode("utf-8", "replace")

    def shows(self, text: str) -> bool:
        """Tell whether it has shown a text."""
        self.read()
        return text in self.screen

    def end(self, timeout: float = 60.0) -> tuple[int, float]:
        """Wait for its end; return the exit code and the seconds since the last key or signal."""
        deadline = time.monotonic() + timeout
        while self.process.poll() is None:
            self.read()
            if time.monotonic() > deadline:
                self.process.kill()
                raise TimeoutError(self.screen)
            time.sleep(0.01)
        seconds = time.monotonic() - self.pressed
        self.read()
        return self.process.returncode, seconds

    def close(self) -> None:
        """Kill what is left and hang up."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.keys)


def terminal(*arguments: str, cwd: Path, before: str = "") -> Terminal:
    """Start the command line in a pseudo-terminal.

    Args:
        arguments: The command's.
        cwd: Where it runs.
        before: Python statements that run first in its process.
    """
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        program(*arguments, before=before),
        cwd=cwd,
        env=environment(),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        preexec_fn=lambda: os.login_tty(theirs),  # becomes its controlling terminal
    )
    os.close(theirs)
    return Terminal(process=process, keys=ours)


def program(*arguments: str, before: str = "") -> list[str]:
    """Return the command line's arguments, after some Python statements."""
    code = f"{before}\nfrom study.cli import main\nimport sys\nsys.exit(main({list(arguments)!r}))"
    return [sys.executable, "-c", code]


def environment() -> dict[str, str]:
    """Return the environment of a process of ours."""
    values = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "TERM": "xterm"}
    values.pop("OPTUNA_STORAGE", None)
    return values
