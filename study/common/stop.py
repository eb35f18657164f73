"""The wish to stop: Ctrl-C, SIGTERM, a closed terminal, or whoever calls ``request``."""

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
"""The exit code of whatever was asked to stop, as shells have it for Ctrl-C."""
LIMIT_SECONDS = 1.7
"""A command that has not ended so long after the first signal ends at once; two is the promise,
and the interpreter needs its share."""
NOTE_SECONDS = 0.4
"""No earlier than so long after the first signal, so that the running trial is noted as parked."""
PARENT = "STUDY_PARENT"
"""Name of the variable in which a worker finds the number of its parent process."""
KEPT = "interrupted; what is done is kept, and the same command goes on from there"


class Stop:
    """Set once, asked often, from any thread.

    Args:
        parent: Number of the process without which there is nothing to work for; None for none.
    """

    def __init__(self, *, parent: int | None = None) -> None:
        self._event = threading.Event()
        self._parent = parent

    def request(self) -> None:
        """Ask for the end."""
        self._event.set()

    def __call__(self) -> bool:
        """Tell whether the end was asked for."""
        if self._parent is not None and os.getppid() != self._parent:
            self._event.set()
        return self._event.is_set()

    def wait(self, seconds: float) -> bool:
        """Sleep, but wake when the end is asked for; True if it was."""
        return self._event.wait(seconds) or self()


@contextmanager
def stop_on_signals(stop: Stop) -> Iterator[None]:
    """Let SIGINT, SIGTERM and SIGHUP request the end of a process whose parent sees to it.

    The handlers are set even where SIGINT was inherited as ignored, as in a background job of a
    shell script; an ignored SIGHUP stays so (``nohup``). Outside the main thread, where Python
    allows no handlers, nothing changes.
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
    """Like ``stop_on_signals``, and end the process if the work has not ended in time.

    A second signal ends it without that patience. Both hold wherever the main thread is, in an
    import or in a query that waits for the database, too: Python calls handlers there too late, so
    that a thread reads the signals from a socket (``signal.set_wakeup_fd``).
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
    """Wait for a first signal, then for a second one or the end of patience."""
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
    """Wait for one of our signals; False where the work ended first."""
    while byte := reader.recv(1):
        if byte[0] in _signals():
            return True
    return False


def leave(code: int) -> NoReturn:
    """End the process without tearing the interpreter down, which may take a second."""
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def _end_at_once() -> None:
    """End the process, whatever it does; the next run takes up its trial, noted as parked."""
    show_cursor = "\x1b[?25h" if sys.stderr.isatty() else ""
    with contextlib.suppress(OSError):
        os.write(2, f"{show_cursor}{KEPT}\n".encode())
    os._exit(INTERRUPTED)


def _signals() -> tuple[signal.Signals, ...]:
    hung_up = signal.SIGHUP if hasattr(signal, "SIGHUP") else None
    if hung_up is None or signal.getsignal(hung_up) is signal.SIG_IGN:
        return (signal.SIGINT, signal.SIGTERM)
    return (signal.SIGINT, signal.SIGTERM, hung_up)
