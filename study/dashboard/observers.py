"""What a run shows in optuna-dashboard, as observers of the study.

The worker that ran a trial attaches its drawing, outside the study's lock. A thread of the process
that started the workers writes all else. It works for at most ``SHARE`` of the time, so with more
trials it writes less often.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import optuna

from study.common.artifact_path import ArtifactPath
from study.common.stop import Stop
from study.dashboard.store import artifact_store, attach_to_trial
from study.dashboard.study_page import StudyPage, new_pages, study_page
from study.performance_estimation.estimator import EstimateFailed
from study.report.network_drawing import architecture_svg
from study.running.worker import StudyObserver
from study.storage import records
from study.storage.stored_study import StoredStudy

_LOG = logging.getLogger(__name__)

SHARE = 0.01
SHORTEST_WAIT = 2.0
LONGER_WAIT = 10.0
PLOTS_AFTER = 10.0
"""Seconds before the first plots. A shorter run does not load plotly; ``dashboard`` draws them."""
PATIENCE = 0.3
"""Seconds that an interrupted run waits for the thread; it has two seconds in all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialPictures(StudyObserver):
    """Attaches the drawing of a trial's network when the trial ends.

    A duplicate gets none. A trial that is run again gets it when it ends.

    Args:
        artifacts: Folder of all studies' files; None for the one beside the storage.
    """

    artifacts: ArtifactPath | None = None

    @contextmanager
    def around_trial(self, stored: StoredStudy, trial: optuna.Trial) -> Iterator[None]:
        """Attach the drawing of a trial that completed, was pruned or failed."""
        try:
            yield
        except (optuna.TrialPruned, EstimateFailed):
            self._attach(stored, trial)
            raise
        self._attach(stored, trial)

    def _attach(self, stored: StoredStudy, trial: optuna.Trial) -> None:
        with never_fatal(f"trial {trial.number}: no drawing for the dashboard"):
            attributes = trial.user_attrs
            drawing = architecture_svg(attributes.get(records.ARCHITECTURE, {}))
            if drawing and records.REUSED_FROM not in attributes:
                store = artifact_store(self.artifacts, stored.url)
                attach_to_trial(trial, store, "network.svg", drawing.encode())


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRefresh(StudyObserver):
    """Updates a study's page while the study runs.

    Args:
        artifacts: Folder of all studies' files; None for the one beside the storage.
    """

    artifacts: ArtifactPath | None = None

    @contextmanager
    def around_study(self, stored: StoredStudy, *, stop: Stop) -> Iterator[None]:
        """Update the page until the block ends, and then once more unless interrupted."""
        ended = threading.Event()
        refresher = _Refresher(study_page(stored, self.artifacts), ended, stop)
        thread = threading.Thread(target=refresher.run, name="dashboard", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join(PATIENCE if stop() else None)


def refresh_all_pages(url: str, artifacts: ArtifactPath | None) -> None:
    """Update the pages of all studies of a storage, from a thread, until the process ends.

    The run of a study does so too, unless it was too short to draw plots.
    """
    thread = threading.Thread(
        target=_refresh_all_pages, args=(url, artifacts), name="dashboard", daemon=True
    )
    thread.start()


def _refresh_all_pages(url: str, artifacts: ArtifactPath | None) -> None:
    pages: dict[str, StudyPage] = {}
    written: dict[str, tuple[object, ...]] = {}
    while True:
        began = time.thread_time()
        with never_fatal():
            pages |= new_pages(url, artifacts, known=pages)
        for name, page in pages.items():
            with never_fatal():
                state = page.state()
                if written.get(name) != state:
                    page.write_notes()
                    page.write_plots()
                    written[name] = state
        time.sleep(max(LONGER_WAIT, (time.thread_time() - began) / SHARE))


@contextmanager
def never_fatal(what: str = "the dashboard's page is not up to date") -> Iterator[None]:
    """Log an error of the block in place of raising it: no study fails because of its page."""
    try:
        yield
    except OSError as error:
        _LOG.warning("%s: %s", what, error)
    except Exception:  # noqa: BLE001 - code that needs the storage reports its errors
        _LOG.debug(what, exc_info=True)


class _Refresher:
    def __init__(self, page: StudyPage, ended: threading.Event, interrupted: Stop) -> None:
        self._ended, self._interrupted = ended, interrupted
        now = time.monotonic()
        self._notes = _PacedWork(page.write_notes, due=now)
        self._plots = _PacedWork(page.write_plots, due=now + PLOTS_AFTER)
        self._plots_from = now + PLOTS_AFTER

    def run(self) -> None:
        wait = 0.0
        while not self._ended.wait(wait):
            for work in (self._notes, self._plots):
                work.do_if_due(time.monotonic(), ended=self._ended.is_set)
            wait = SHORTEST_WAIT
        if not self._interrupted():
            self._notes.do(ended=self._interrupted)
        if not self._interrupted() and time.monotonic() > self._plots_from:
            self._plots.do(ended=self._interrupted)


class _PacedWork:
    """Work that is repeated, for at most ``SHARE`` of the time.

    The first time does not count, because it loads modules.

    Args:
        work: Does it; ``ended`` asks it to end early.
        due: Monotonic time of the first time.
    """

    def __init__(self, work: Callable[..., None], *, due: float) -> None:
        self._work, self._due, self._first = work, due, True

    def do_if_due(self, now: float, *, ended: Callable[[], bool]) -> None:
        if now < self._due or ended():
            return
        cost = self.do(ended=ended)
        self._due = now + (SHORTEST_WAIT if self._first else cost / SHARE)
        self._first = False

    def do(self, *, ended: Callable[[], bool]) -> float:
        """Do the work and return the processor time that it took, in seconds."""
        began = time.thread_time()
        with never_fatal():
            self._work(ended=ended)
        return time.thread_time() - began
