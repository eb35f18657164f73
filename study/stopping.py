"""The wish to stop: Ctrl-C, SIGTERM, or whoever calls ``request``."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


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
    """Let SIGINT and SIGTERM request the end, and a second one take effect at once.

    The handlers are set even where SIGINT was inherited as ignored, as in a background job of a
    shell script. Outside the main thread, where Python allows no handlers, nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(number: int, _: FrameType | None) -> None:
        if stop():
            os._exit(128 + number)
        stop.request()

    before = {number: signal.signal(number, handle) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


_SIGNALS = (signal.SIGINT, signal.SIGTERM)
