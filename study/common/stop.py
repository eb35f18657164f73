"""Cooperative stop flag, set by signals or by ``request()``."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

INTERRUPTED = 130
"""Exit code of an interrupted command, as in shells."""
LIMIT_SECONDS = 1.7
"""Seconds after the first signal at which a command ends at once. Two seconds are documented, and
the interpreter needs the rest."""
NOTE_SECONDS = 0.4
"""A command ends at least this many seconds after the first signal, so that the running trial can
be stored as interrupted."""
PARENT = "STUDY_PARENT"
"""Environment variable with the process id of a worker's parent."""
KEPT = "interrupted; what is done is kept, and the same command continues from there"


class Stop:
    """A stop flag for all threads of a process.

    Args:
        parent: Process id of a parent whose end sets the flag.
    """

    def __init__(self, *, parent: int | None = None) -> None:
        self._event = threading.Event()
        self._parent = parent

    def request(self) -> None:
        """Set the flag."""
        self._event.set()

    def __call__(self) -> bool:
        """Return whether a stop was requested."""
        if self._parent is not None and os.getppid() != self._parent:
            self._event.set()
        return self._event.is_set()

    def wait(self, seconds: float) -> bool:
        """Sleep until a stop is requested. Return whether one was."""
        return self._event.wait(seconds) or self()


@contextmanager
def stop_on_signals(stop: Stop) -> Iterator[None]:
    """Let SIGINT, SIGTERM and SIGHUP request a stop.

    The handlers are set even where SIGINT was inherited as ignored, as in a background job of a
    shell script. An ignored SIGHUP stays ignored (``nohup``). Outside the main thread, where
    Python allows no handlers, nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(_number: int, _frame: FrameType | None) -> None:
        stop.request()

    before = {number: signal.signal(number, handle) for number in _signals()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def end_on_signals(stop: Stop) -> Iterator[None]:
    """Like ``stop_on_signals``, but end the process if the work does not end in time.

    A second signal ends the process without waiting. Python calls handlers too late while the main
    thread is in an import or waits for the database. A thread therefore reads the signals from a
    socket (``signal.set_wakeup_fd``).
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    reader, writer = socket.socketpair()
    with reader, writer, stop_on_signals(stop):
        writer.setblocking(False)
        before = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        watch = threading.Thread(target=_watch, args=(reader, stop, _end_at_once), daemon=True)
        watch.start()
        try:
            yield
        finally:
            signal.set_wakeup_fd(before)
            with contextlib.suppress(OSError):
                reader.shutdown(socket.SHUT_RDWR)
            watch.join()


def _watch(reader: socket.socket, stop: Stop, end: Callable[[], None]) -> None:
    """Wait for a first signal, then for a second one or the time limit, and end the process."""
    if not _heard(reader):
        return
    stop.request()
    heard = time.monotonic()
    reader.settimeout(LIMIT_SECONDS)
    try:
        again = _heard(reader)
    except TimeoutError:
        again = True
    if again:
        time.sleep(max(heard + NOTE_SECONDS - time.monotonic(), 0.0))
        end()


def _heard(reader: socket.socket) -> bool:
    """Wait for one of our signals. Return False if the work ended first."""
    while byte := reader.recv(1):
        if byte[0] in _signals():
            return True
    return False


def leave(code: int) -> NoReturn:
    """End the process without the interpreter's cleanup, which may take a second."""
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def _end_at_once() -> None:
    """End the process at once. The next run continues its trial, stored as interrupted."""
    show_cursor = "\x1b[?25h" if sys.stderr.isatty() else ""
    with contextlib.suppress(OSError):
        os.write(2, f"{show_cursor}{KEPT}\n".encode())
    os._exit(INTERRUPTED)


def _signals() -> tuple[signal.Signals, ...]:
    numbers = (signal.SIGINT, signal.SIGTERM)
    if not hasattr(signal, "SIGHUP") or signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        return numbers
    return (*numbers, signal.SIGHUP)
