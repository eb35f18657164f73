"""What a person sees while a study runs; read from the storage, whoever trains."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, TextIO

from study.common.formats import amount, counted, duration
from study.results.describe import headline_choices, state_words
from study.results.ranking import Objective, pareto_front
from study.settings.study_settings import StudySettings
from study.storage.ledger import FixedCost, read_costs
from study.storage.lifecycle import StudyState, study_state
from study.storage.records import TrialRecord, ranked

if TYPE_CHECKING:
    import optuna

POLL_SECONDS = 0.5


class Progress(Protocol):
    """Shows how a study stands."""

    def prepare(self, costs: Sequence[FixedCost]) -> None:
        """Show what was spent so far on what comes before the first trial."""

    def show(self, records: Sequence[TrialRecord], state: StudyState) -> None:
        """Show the trials as they are now."""

    def close(self) -> None:
        """End the display."""


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
        self._prepared: list[str] = []

    def prepare(self, costs: Sequence[FixedCost]) -> None:
        """See ``Progress``."""
        for line in map(cost_line, costs):
            if line not in self._prepared:
                self._prepared.append(line)
                print(line, file=self._out, flush=True)

    def show(self, records: Sequence[TrialRecord], state: StudyState) -> None:
        """See ``Progress``."""
        ended = [r for r in records if r.state not in ("running", "waiting")]
        if self._shown is None:  # what was there before is not news
            self._shown = {record.number for record in ended}
            return
        news = [record for record in ended if record.number not in self._shown]
        finished = {state.latest[sequence_index].number for sequence_index in state.finished}
        for record in sorted(news, key=lambda r: (r.finished is None, r.finished, r.number)):
            self._shown.add(record.number)
            print(self._line(record, len(finished & self._shown)), file=self._out, flush=True)

    def _line(self, record: TrialRecord, finished: int) -> str:
        total = self._settings.trials
        done = f"{finished}" + (f"/{total}" if total else "")
        metric = self._settings.measures[0].key
        outcome = "" if record.state == "complete" else f" ({state_words(record)})"
        words = headline_choices(record, self._parameters, metric)
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
        self._clock = RemainingTime(settings.trials, epochs)
        self._live = RichLive(console=Console(stderr=True), refresh_per_second=4, transient=True)
        self._live.start()
        self._prepared: list[str] = []

    def prepare(self, costs: Sequence[FixedCost]) -> None:
        """See ``Progress``."""
        self._prepared = [cost_line(cost) for cost in costs]

    def show(self, records: Sequence[TrialRecord], state: StudyState) -> None:
        """See ``Progress``."""
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.text import Text

        done, total = len(state.finished), self._settings.trials
        bar = ProgressBar(total=total or max(done, 1), completed=done, width=40)
        self._live.update(Group(bar, Text("\n".join(self._lines(records, state, done)))))

    def _lines(self, records: Sequence[TrialRecord], state: StudyState, done: int) -> list[str]:
        total = self._settings.trials
        running = [state.latest[sequence_index] for sequence_index in state.running]
        lines = [
            *(self._prepared if not records else ()),
            f"{done} of {total} trials" if total else f"{done} trials",
            self._clock.words(done, running, now=time.monotonic()),
        ]
        for record in running:
            lines.append(f"trial {record.number}: epoch {epochs_done(record)}/{self._epochs}")
        return [*lines, *self._best(records)]

    def _best(self, records: Sequence[TrialRecord]) -> list[str]:
        measures = self._settings.measures
        if len(measures) > 1:
            objectives = [
                Objective(metric=m.key, direction=d)
                for m, d in zip(measures, self._settings.directions, strict=True)
            ]
            front = pareto_front(records, objectives)
            return [f"{counted(len(front), 'candidate')} on the Pareto front"] if front else []
        best = ranked(records, maximise=measures[0].maximise)[:1]
        if not best:
            return []
        words = headline_choices(best[0], self._parameters, measures[0].key)
        return [f"best, trial {best[0].number}: {words}"]

    def close(self) -> None:
        """See ``Progress``."""
        self._live.stop()


def cost_line(cost: FixedCost) -> str:
    """Return what was spent on something so far: ``supernet: 8 epochs, 12 s so far``."""
    epochs = f"{amount(cost.epochs)} epochs, " if cost.epochs else ""
    return f"{cost.what}: {epochs}{duration(cost.seconds)} so far"


def epochs_done(record: TrialRecord) -> int:
    """Return the epochs that a running trial has behind it."""
    return max(len(record.intermediate), int(record.epochs))


class RemainingTime:
    """Tells how long a study will still run, from how fast its trials and epochs went by.

    The clock starts when the first trial runs: what a process needs to start up says nothing.

    Args:
        total: Trials that the study shall have; None where other limits end it.
        epochs: Epochs of a full training.
    """

    def __init__(self, total: int | None, epochs: int) -> None:
        self._total, self._epochs = total, epochs
        self._start: tuple[float, float] | None = None

    def words(self, done: int, running: Sequence[TrialRecord], *, now: float) -> str:
        """Return the time left, or what there is to say instead.

        Args:
            done: Finished trials.
            running: Those that are being trained.
            now: Of a clock that never goes back, in seconds.
        """
        share = sum(min(1.0, epochs_done(record) / self._epochs) for record in running)
        units = done + share
        if self._start is None:
            if not running:
                return "starting"
            self._start = now, units
        since, before = self._start
        if not self._total or units <= before:
            return f"running for {duration(now - since)}"
        left = (now - since) / (units - before) * max(self._total - units, 0.0)
        return f"about {duration(left)} left"


def choose_progress(
    settings: StudySettings, parameters: Sequence[str], *, epochs: int, quiet: bool
) -> Progress | None:
    """Return the display that fits: none, a live one on a terminal, else lines."""
    if quiet:
        return None
    if sys.stderr.isatty():
        return Live(settings, parameters, epochs)
    return Lines(settings, parameters)


@contextmanager
def watching(
    study: optuna.Study, settings: StudySettings, progress: Progress | None
) -> Iterator[None]:
    """Show a study's progress until the block ends, from a thread that reads the storage."""
    if progress is None:
        yield
        return
    from study.running.worker import Trials

    trials, ended = Trials(study), threading.Event()

    def look() -> None:
        records = trials.read()
        if not records:
            progress.prepare(read_costs(study.user_attrs))
        progress.show(records, study_state(records, retries=settings.retries))

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
