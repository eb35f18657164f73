"""A sign of life for a trial in training, so that other machines do not take it for lost.

Optuna's own thread ends at the first lost connection; this one goes on until the trial ends.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from study.storage.trouble import storage_errors

if TYPE_CHECKING:
    import optuna


@contextmanager
def beating(study: optuna.Study, trial_id: int, *, url: str) -> Iterator[None]:
    """Record heartbeats of a trial until the block ends; the first one before it begins.

    A trial that names its worker therefore has a heartbeat: one without was left behind by a
    process that died while it drew, see ``settle``.

    Raises:
        StorageError: The first heartbeat could not be written.
    """
    from study.storage.rdb import HEARTBEAT_SECONDS

    storage: Any = study._storage
    with storage_errors(url):
        storage.record_heartbeat(trial_id)
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(HEARTBEAT_SECONDS):
            try:
                storage.record_heartbeat(trial_id)
            except Exception:  # noqa: BLE001 - the trial itself meets the trouble and says so
                continue

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(1.0)
