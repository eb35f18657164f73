"""What a person sees while a study runs; read from the storage, whoever trains."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, TextIO

from study.config import StudySettings
from study.lifecycle import Standing, standing
from study.records import TrialRecord, ranked
from study.report.formats import duration, measure
from study.report.words import seed_line, state_words

if TYPE_CHECKING:
    import optuna

POLL_SECONDS = 0.5


class Progress(Protocol):
    """Shows how a study stands."""

    def show(self, records: Sequence[TrialRecord], state: Standing) -> None:
        """Show the trials as they are now."""

    def close(self) -> None:
        """End the display."""


class Quiet:
    """Shows nothing."""

    def show(self, records: Sequence[TrialRecord], state: Standing) -> None:
        """See ``Progress``."""

    def close(self) -> None:
        """See ``Progress``."""


class Lines:
    """One plain line for each trial that ended.

    Args:
        settings: The study's.
        parameters: Names of the space's parameters, in order.
        out: Where to write.
    """

    def __init__(
        self, settings: StudySettings, parameters: Sequence[str], out: TextIO = sys.stderr
    ) -> None:
        self._settings, self._parameters, self._out = settings, parameters, out
        self._shown: set[int] | None = None

    def show(self, records: Sequence[TrialRecord], state: Standing) -> None:
        """See ``Progress``."""
        ended = [r for r in records if r.state not in ("running", "waiting")]
        if self._shown is None:  # what was there before is not news
            self._shown = {record.number for record in ended}
            return
        for record in ended:
            if record.number not in self._shown:
                self._shown.add(record.number)
                print(self._line(record, state), file=self._out, flush=True)

    def _line(self, record: TrialRecord, state: Standing) -> str:
        total = self._settings.trials
        done = f"{len(state.finished)}" + (f"/{total}" if total else "")
        metric = self._settings.measures[0].key
        outcome = "" if record.state == "complete" else f" ({state_words(record)})"
        words = seed_line(record, self._parameters, metric)
        return f"[{done}] trial {record.number}: {words}{outcome}, {record.seconds:.1f} s"

    def close(self) -> None:
        """See ``Progress``."""


class Live:
    """A display that is drawn over: trials done, the running ones' epochs, the best, time left.

    Args:
        settings: The study's.
        parameters: Names of the space's parameters, in order.
        epochs: Epochs of a full training.
    """

    def __init__(self, settings: StudySettings, parameters: Sequence[str], epochs: int) -> None:
        from rich.console import Console
        from rich.live import Live as RichLive

        self._settings, self._parameters, self._epochs = settings, parameters, epochs
        self._start, self._before = time.monotonic(), -1
        self._live = RichLive(console=Console(stderr=True), refresh_per_second=4, transient=True)
        self._live.start()

    def show(self, records: Sequence[TrialRecord], state: Standing) -> None:
        """See ``Progress``."""
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.text import Text

        done, total = len(state.finished), self._settings.trials
        if self._before < 0:
            self._before = done
        bar = ProgressBar(total=total or max(done, 1), completed=done, width=40)
        self._live.update(Group(bar, Text("\n".join(self._lines(records, state, done)))))

    def _lines(self, records: Sequence[TrialRecord], state: Standing, done: int) -> list[str]:
        total = self._settings.trials
        lines = [f"{done} of {total} trials" if total else f"{done} trials", self._left(done)]
        for place in state.running:
            record = state.latest[place]
            lines.append(f"trial {record.number}: epoch {len(record.intermediate)}/{self._epochs}")
        best = ranked(records, maximise=self._settings.measures[0].maximise)[:1]
        metric = self._settings.measures[0].key
        if best and best[0].value is not None and len(self._settings.measures) == 1:
            words = seed_line(best[0], self._parameters, metric)
            lines.append(f"best {measure(metric, best[0].value)}: trial {best[0].number}: {words}")
        return [line for line in lines if line]

    def _left(self, done: int) -> str:
        total, new = self._settings.trials, done - self._before
        passed = time.monotonic() - self._start
        if not total or new < 1:
            return f"running for {duration(passed)}"
        return f"about {duration(passed / new * (total - done))} left"

    def close(self) -> None:
        """See ``Progress``."""
        self._live.stop()


def choose_progress(
    settings: StudySettings, parameters: Sequence[str], *, epochs: int, quiet: bool
) -> Progress:
    """Return the display that fits: none, a live one on a terminal, else lines."""
    if quiet:
        return Quiet()
    if sys.stderr.isatty():
        return Live(settings, parameters, epochs)
    return Lines(settings, parameters)


@contextmanager
def watching(study: optuna.Study, settings: StudySettings, progress: Progress) -> Iterator[None]:
    """Show a study's progress until the block ends, from a thread that reads the storage."""
    from study.worker import Trials

    trials, ended = Trials(study), threading.Event()

    def look() -> None:
        records = trials.read()
        progress.show(records, standing(records, retries=settings.retries))

    def keep_looking() -> None:
        while not ended.wait(POLL_SECONDS):
            try:
                look()
            except Exception:  # noqa: BLE001 - the worker meets the same trouble and says so
                continue

    with contextlib.suppress(Exception):  # the run itself says what is wrong
        look()
    thread = threading.Thread(target=keep_looking, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(1.0)  # it may be waiting for a lost server
        if not thread.is_alive():
            with contextlib.suppress(Exception):
                look()
        progress.close()
