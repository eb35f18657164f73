"""A sign of life for a trial in training, so that other machines do not take it for lost.

Optuna's own thread ends at the first lost connection; this one goes on until the trial ends. It
also notes that a stop was asked for, at once: a worker may be ended before its trial's step is
over, and the trial is then parked and not lost, see ``reap_dead_trials``.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from study.storage import records
from study.storage.opening import asked_to_stop
from study.storage.storage_errors import storage_errors

if TYPE_CHECKING:
    import optuna

ASK_SECONDS = 0.1
"""How often it looks whether a stop was asked for."""


@contextmanager
def beating(study: optuna.Study, trial_id: int, *, url: str) -> Iterator[None]:
    """Record heartbeats of a trial until the block ends; the first one before it begins.

    A trial that names its worker therefore has a heartbeat: one without was left behind by a
    process that died while it drew, see ``reap_dead_trials``.

    Raises:
        StorageError: The first heartbeat could not be written.
    """
    from study.storage.rdb import HEARTBEAT_SECONDS

    storage: Any = study._storage
    with storage_errors(url):
        storage.record_heartbeat(trial_id)
    ended = threading.Event()

    def beat() -> None:
        due, noted = time.monotonic() + HEARTBEAT_SECONDS, False
        while not ended.wait(ASK_SECONDS):
            with contextlib.suppress(Exception):  # the trial itself meets the trouble, and says so
                if not noted and asked_to_stop(study):
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
