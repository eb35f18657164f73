"""The progress of a study on the terminal."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console, Group
from rich.live import Live as RichLive
from rich.progress_bar import ProgressBar
from rich.text import Text

from study.common.formats import amount, counted, duration
from study.common.stop import Stop
from study.results.describe import describe_state, describe_trial
from study.results.ranking import pareto_front
from study.running.worker import StudyObserver
from study.settings.problem import Problem
from study.storage.costs import FixedCost, read_costs
from study.storage.lifecycle import StudyState, study_state
from study.storage.records import TrialReader, TrialRecord, ranked
from study.storage.stored_study import StoredStudy

POLL_SECONDS = 0.5


class Lines:
    """One plain line for each trial that ended."""

    def __init__(self, problem: Problem, out: TextIO = sys.stderr) -> None:
        self._settings, self._parameters, self._out = problem.settings, problem.parameters, out
        self._shown: set[int] | None = None
        self._costs: list[str] = []

    def show(
        self, records: Sequence[TrialRecord], state: StudyState, costs: Sequence[FixedCost] = ()
    ) -> None:
        """Print a line for each cost that has grown, and for each trial that has ended."""
        for line in map(cost_line, costs):
            if line not in self._costs:
                self._costs.append(line)
                print(line, file=self._out, flush=True)
        ended = [r for r in records if r.state not in ("running", "waiting")]
        if self._shown is None:  # trials of an earlier run are not shown
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
        metric = self._settings.measures[0].metric
        outcome = "" if record.state == "complete" else f" ({describe_state(record)})"
        words = describe_trial(record, self._parameters, metric)
        return f"[{done}] trial {record.number}: {words}{outcome}, {record.seconds:.1f} s"

    def close(self) -> None:
        """Do nothing: lines stay on the terminal."""


class Live:
    """A live display: trials done, epochs of the running trials, the best trial, time left."""

    def __init__(self, problem: Problem) -> None:
        self._settings, self._parameters = problem.settings, problem.parameters
        self._epochs = max(problem.epochs, 1)
        self._clock = RemainingTime(problem.settings.trials, self._epochs)
        self._live = RichLive(console=Console(stderr=True), refresh_per_second=4, transient=True)
        self._live.start()

    def show(
        self, records: Sequence[TrialRecord], state: StudyState, costs: Sequence[FixedCost] = ()
    ) -> None:
        """Draw the display again."""
        done, total = len(state.finished), self._settings.trials
        running = [state.latest[sequence_index] for sequence_index in state.running]
        lines = [
            *map(cost_line, costs),
            f"{done} of {total} trials" if total else f"{done} trials",
            self._clock.describe(done, running, now=time.monotonic()),
            *(f"trial {r.number}: epoch {epochs_done(r)}/{self._epochs}" for r in running),
            *self._best(records),
        ]
        bar = ProgressBar(total=total or max(done, 1), completed=done, width=40)
        self._live.update(Group(bar, Text("\n".join(lines))))

    def _best(self, records: Sequence[TrialRecord]) -> list[str]:
        measures = self._settings.measures
        if len(measures) > 1:
            front = pareto_front(records, measures)
            return [f"{counted(len(front), 'candidate')} on the Pareto front"] if front else []
        best = ranked(records, maximise=measures[0].maximise)[:1]
        return [
            f"best, trial {r.number}: {describe_trial(r, self._parameters, measures[0].metric)}"
            for r in best
        ]

    def close(self) -> None:
        """Remove the display."""
        self._live.stop()


def cost_line(cost: FixedCost) -> str:
    """Return a cost so far as text: ``supernet: 8 epochs, 12 s so far``."""
    epochs = f"{amount(cost.epochs)} epochs, " if cost.epochs else ""
    return f"{cost.what}: {epochs}{duration(cost.seconds)} so far"


def epochs_done(record: TrialRecord) -> int:
    """Return the number of epochs that a running trial has completed."""
    return max(len(record.intermediate), int(record.epochs))


class RemainingTime:
    """Estimates the remaining time of a study from the trials and epochs of this run.

    The clock starts with the first trial, so that the start-up of processes does not count.

    Args:
        total: Number of trials of the study; None where other limits end it.
        epochs: Epochs of a full training.
    """

    def __init__(self, total: int | None, epochs: int) -> None:
        self._total, self._epochs = total, epochs
        self._start: tuple[float, float] | None = None

    def describe(self, done: int, running: Sequence[TrialRecord], *, now: float) -> str:
        """Return the time left, or the elapsed time where it cannot be estimated.

        Args:
            done: Number of finished trials.
            running: Trials in training.
            now: Reading of a monotonic clock, in seconds.
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


class Progress(StudyObserver):
    """Shows the progress of a study on stderr: a live display on a terminal, else lines.

    A thread reads the storage, so the trials of all workers are shown.
    """

    @contextmanager
    def around_study(self, stored: StoredStudy, *, stop: Stop) -> Iterator[None]:
        """Show the progress until the block ends."""
        display: Live | Lines
        display = Live(stored.problem) if sys.stderr.isatty() else Lines(stored.problem)
        reader, ended = TrialReader(stored.study), threading.Event()

        def update() -> None:
            with contextlib.suppress(Exception):  # the worker reports the same error
                records = reader.read()
                costs = () if records else read_costs(stored.study.user_attrs)
                display.show(records, study_state(records, retries=stored.settings.retries), costs)

        def keep_updating() -> None:
            while not ended.wait(POLL_SECONDS):
                update()

        update()
        thread = threading.Thread(target=keep_updating, name="progress", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join(1.0)  # it may be waiting for a lost server
            if not thread.is_alive():
                update()
            display.close()
