"""Observers of a study that show it in optuna-dashboard.

The worker that ran a trial attaches its drawing, outside the study's lock. A thread of the process
that started the workers writes everything else. The thread works for at most ``SHARE`` of the
time, so it writes less often when there are more trials.
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
"""Seconds that an interrupted run waits for the thread; the run has to end within two."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialPictures(StudyObserver):
    """Attaches the drawing of a trial's network when the trial ends; a duplicate gets none.

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
    """Updates a study's page while the study runs."""

    artifacts: ArtifactPath | None = None

    @contextmanager
    def around_study(self, stored: StoredStudy, *, stop: Stop) -> Iterator[None]:
        """Update the page until the block ends, and then once more unless interrupted."""
        ended = threading.Event()
        arguments = (study_page(stored, self.artifacts), ended, stop)
        thread = threading.Thread(target=_refresh, args=arguments, name="dashboard", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join(PATIENCE if stop() else None)


def refresh_all_pages(url: str, artifacts: ArtifactPath | None) -> None:
    """Update the pages of all studies of a storage until the process ends.

    A running study updates its own page too, but a short run draws no plots.
    """
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
    """Log an error of the block in place of raising it, so that no study fails for its page."""
    try:
        yield
    except OSError as error:
        _LOG.warning("%s: %s", what, error)
    except Exception:  # noqa: BLE001 - the study itself reports errors of its storage
        _LOG.debug(what, exc_info=True)


def _refresh(page: StudyPage, ended: threading.Event, interrupted: Stop) -> None:
    plots_from = time.monotonic() + PLOTS_AFTER
    notes = _PacedWork(page.write_notes, due=time.monotonic())
    plots = _PacedWork(page.write_plots, due=plots_from)
    wait = 0.0
    while not ended.wait(wait):
        notes.do_if_due(ended=ended.is_set)
        plots.do_if_due(ended=ended.is_set)
        wait = SHORTEST_WAIT
    if not interrupted():
        notes.do(ended=interrupted)
    if not interrupted() and time.monotonic() > plots_from:
        plots.do(ended=interrupted)


class _PacedWork:
    """Work that is repeated, for at most ``SHARE`` of the time.

    The first time does not count, because it loads modules.

    Args:
        work: Does it; its argument ``ended`` asks it to end early.
        due: Monotonic time of the first time.
    """

    def __init__(self, work: Callable[..., None], *, due: float) -> None:
        self._work, self._due, self._first = work, due, True

    def do_if_due(self, *, ended: Callable[[], bool]) -> None:
        now = time.monotonic()
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
