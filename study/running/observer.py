"""What may watch a study: progress on the terminal, pages and pictures in the dashboard."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

import optuna

from study.common.stop import Stop
from study.storage.stored_study import StoredStudy


class StudyObserver(Protocol):
    """Watches a study, and changes nothing about it.

    An observer must not raise: a study does not fail because of how it is shown.
    """

    def around_study(self, stored: StoredStudy, *, stop: Stop) -> AbstractContextManager[None]:
        """Return a context for one run of the study, in the process that starts the workers."""
        return nullcontext()

    def around_trial(
        self, stored: StoredStudy, trial: optuna.Trial
    ) -> AbstractContextManager[None]:
        """Return a context for one trial, in the worker that runs it.

        It sees how the trial ends as an exception: pruned, failed, interrupted or none.
        """
        return nullcontext()
