"""Keeps a study's page in optuna-dashboard fresh while the study runs, at next to no cost.

A thread of the process that shows the progress does it, and never under the study's lock. It works
for at most ``SHARE`` of the time, so that the more trials there are, the rarer it writes.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from study.common.artifact_path import ArtifactPath
from study.common.stop import Stop
from study.dashboard.study_page import StudyPage, new_pages, study_page
from study.running.observer import StudyObserver
from study.storage.stored_study import StoredStudy

_LOG = logging.getLogger(__name__)

SHARE = 0.01
SHORTEST_WAIT = 2.0
LONGER_WAIT = 10.0
PLOTS_AFTER = 10.0
"""Seconds. A shorter run loads no plotly; ``dashboard`` draws what is missing."""
PATIENCE = 0.3
"""Seconds that an interrupted run waits for a pass to end; it has two in all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRefresh(StudyObserver):
    """Keeps a study's page fresh while the study runs.

    Args:
        artifacts: Folder of all studies' files; None for the one beside the storage.
    """

    artifacts: ArtifactPath | None = None

    @contextmanager
    def around_study(self, stored: StoredStudy, *, stop: Stop) -> Iterator[None]:
        """Keep the page fresh until the block ends, and update it then unless interrupted."""
        ended = threading.Event()
        refresher = _Refresher(study_page(stored, self.artifacts), ended, stop)
        thread = threading.Thread(target=refresher.run, name="dashboard", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join(PATIENCE if stop() else None)


def keep_all_fresh(url: str, artifacts: ArtifactPath | None) -> None:
    """Keep the pages of all studies of a storage fresh, from a thread, until the process ends.

    A study's own run does so too, unless it was too short to draw plots.
    """
    thread = threading.Thread(
        target=_keep_all_fresh, args=(url, artifacts), name="dashboard", daemon=True
    )
    thread.start()


def _keep_all_fresh(url: str, artifacts: ArtifactPath | None) -> None:
    pages: dict[str, StudyPage] = {}
    drawn: dict[str, tuple[object, ...]] = {}
    while True:
        began = time.thread_time()
        with never_fatal():
            pages |= new_pages(url, artifacts, known=pages)
        for name, page in pages.items():
            with never_fatal():
                shown = page.shown()
                if drawn.get(name) != shown:
                    page.write_words()
                    page.write_plots()
                    drawn[name] = shown
        time.sleep(max(LONGER_WAIT, (time.thread_time() - began) / SHARE))


@contextmanager
def never_fatal() -> Iterator[None]:
    """Let nothing out of the block: a study must not fail because of its page."""
    try:
        yield
    except OSError as error:
        _LOG.warning("the dashboard's page is not up to date: %s", error)
    except Exception:  # noqa: BLE001 - what ails the storage is told by whoever needs it
        _LOG.debug("the dashboard's page is not up to date", exc_info=True)


class _Refresher:
    def __init__(
        self, page: StudyPage, ended: threading.Event, interrupted: Callable[[], bool]
    ) -> None:
        self._ended, self._interrupted = ended, interrupted
        now = time.monotonic()
        self._jobs = (
            _Paced(page.write_words, due=now),
            _Paced(page.write_plots, due=now + PLOTS_AFTER),
        )
        self._plots_from = now + PLOTS_AFTER

    def run(self) -> None:
        wait = 0.0
        while not self._ended.wait(wait):
            for job in self._jobs:
                job.do_if_due(time.monotonic(), ended=self._ended.is_set)
            wait = SHORTEST_WAIT
        words, plots = self._jobs
        if not self._interrupted():
            words.do(ended=self._interrupted)
        if not self._interrupted() and time.monotonic() > self._plots_from:
            plots.do(ended=self._interrupted)


class _Paced:
    """Work that is done again and again, for at most ``SHARE`` of the time.

    The first time is not counted: it loads modules.

    Args:
        work: Does it; asked to end early by ``ended``.
        due: When it is done first, by a clock that never goes back.
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
        """Do the work and return the seconds of processor time that it took."""
        began = time.thread_time()
        with never_fatal():
            self._work(ended=ended)
        return time.thread_time() - began
