"""The command line in a pseudo-terminal, with keys that are pressed."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests.studies import ROOT

CTRL_C = b"\x03"


@dataclass(kw_only=True)
class Terminal:
    """A process whose terminal is a pseudo-terminal."""

    process: subprocess.Popen[bytes]
    keys: int
    """Our end of the terminal."""
    screen: str = ""
    """All text that was read so far."""
    pressed: float = 0.0
    """Time of the last key or signal."""

    def press(self, keys: bytes) -> None:
        self.pressed = time.monotonic()
        os.write(self.keys, keys)

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process, but not to its children."""
        self.pressed = time.monotonic()
        self.process.send_signal(number)

    def read(self) -> None:
        """Read new text into ``screen``."""
        while select.select([self.keys], [], [], 0)[0]:
            try:
                shown = os.read(self.keys, 65536)
            except OSError:  # the other end is closed
                return
            if not shown:
                return
            self.screen += shown.decode("utf-8", "replace")

    def shows(self, text: str) -> bool:
        self.read()
        return text in self.screen

    def end(self, timeout: float = 60.0) -> tuple[int, float]:
        """Wait for the end; return the exit code and the seconds since the last key or signal."""
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
        """Kill the process and hang up."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.keys)


def terminal(*arguments: str, cwd: Path, before: str = "") -> Terminal:
    """Start the command line in a pseudo-terminal, after some Python statements."""
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


def children(pid: int) -> list[int]:
    """Return the processes that a process has started."""
    try:
        listed = Path(f"/proc/{pid}/task/{pid}/children").read_text("utf-8")
    except OSError:  # it has ended
        return []
    return [int(child) for child in listed.split()]


def program(*arguments: str, before: str = "") -> list[str]:
    """Return the command line's arguments, after some Python statements."""
    code = f"{before}\nfrom study.cli import main\nimport sys\nsys.exit(main({list(arguments)!r}))"
    return [sys.executable, "-c", code]


def environment() -> dict[str, str]:
    """Return the environment for a process of this project."""
    values = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "TERM": "xterm"}
    values.pop("OPTUNA_STORAGE", None)
    return values
