"""A heartbeat for a running trial, so that other machines do not count it as lost.

Optuna's own thread ends at the first lost connection. This thread continues until the trial ends.
It also stores a stop request at once. A worker may be killed before its trial's step is over, and
``reap_dead_trials`` then marks the trial as interrupted and not as lost.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import optuna

from study.storage import records
from study.storage.opening import stop_requested
from study.storage.rdb import HEARTBEAT_SECONDS
from study.storage.storage_errors import storage_errors

ASK_SECONDS = 0.1
"""Interval between two checks for a stop request."""


@contextmanager
def beating(study: optuna.Study, trial_id: int, *, url: str) -> Iterator[None]:
    """Record heartbeats of a trial until the block ends. The first one is recorded before it.

    A trial that names its worker therefore has a heartbeat. A trial without one belongs to a
    process that died while it drew a candidate.

    Raises:
        StorageError: The first heartbeat could not be written.
    """
    storage: Any = study._storage
    with storage_errors(url):
        storage.record_heartbeat(trial_id)
    ended = threading.Event()

    def beat() -> None:
        due, noted = time.monotonic() + HEARTBEAT_SECONDS, False
        while not ended.wait(ASK_SECONDS):
            with contextlib.suppress(Exception):  # the trial meets the same error and reports it
                if not noted and stop_requested(study):
                    storage.set_trial_user_attr(trial_id, records.STOPPING, True)
                    noted = True
                if time.monotonic() >= due:
                    due = time.monotonic() + HEARTBEAT_SECONDS
                    storage.record_heartbeat(trial_id)

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(1.0)
