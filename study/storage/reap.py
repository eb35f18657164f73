"""Heartbeats of running trials, and the trials of dead workers.

Optuna's own heartbeat thread ends at the first lost connection. Ours continues until the trial
ends, and stores a stop request at once. A worker may be killed before its trial's step is over.
``reap_dead_trials`` then marks the trial as interrupted and not as lost.
"""

from __future__ import annotations

import contextlib
import os
import platform
import socket
import threading
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import optuna

from study.storage import records
from study.storage.rdb import HEARTBEAT_SECONDS, backend_of
from study.storage.records import TrialRecord
from study.storage.storage_errors import storage_errors

INTERRUPTED = "the study was asked to stop; continues when resumed"
ASK_SECONDS = 0.1
"""Interval between two checks for a stop request."""


@contextmanager
def beating(study: optuna.Study, trial_id: int, *, url: str) -> Iterator[None]:
    """Record heartbeats of a trial until the block ends. The first one is recorded before it.

    A trial that names its worker therefore has a heartbeat. A trial without one belongs to a
    process that died while it drew a candidate.
    """
    storage: Any = study._storage
    with storage_errors(url):
        storage.record_heartbeat(trial_id)
    ended = threading.Event()

    def beat() -> None:
        due, noted = time.monotonic() + HEARTBEAT_SECONDS, False
        while not ended.wait(ASK_SECONDS):
            with contextlib.suppress(Exception):  # the trial meets the same error and reports it
                if not noted and backend_of(study._storage).interrupted():
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


def reap_dead_trials(
    study: optuna.Study, trials: Sequence[TrialRecord], *, me: Mapping[str, Any]
) -> list[int]:
    """Mark the running trials of dead workers as failed. The caller holds the study's lock.

    A trial names its worker before the lock is released, so a trial without a worker belongs to a
    process that died while it created the trial. A worker of this machine is looked up by its
    process id. A worker of another machine counts as dead when its heartbeat has stopped for the
    storage's grace period. The trial of a worker that was asked to stop is marked as interrupted.

    Args:
        me: Identity of the calling process. It is between two trials, so a running trial that
            names it is lost.

    Returns:
        Numbers of the marked trials.
    """
    running = [trial for trial in trials if trial.state == "running"]
    if not running:
        return []
    silent = backend_of(study._storage).silent_trials(study._study_id)
    marked = []
    id_of = study._storage.get_trial_id_from_study_id_trial_number
    for trial in running:
        trial_id = id_of(study._study_id, trial.number)
        cause = _cause(trial.worker, me, silent=trial_id in silent)
        if cause is None:
            continue
        kind, text = ("interrupted", INTERRUPTED) if trial.stopping else ("killed", cause)
        if _mark(study, trial_id, kind, text, new=trial.failure is None):
            marked.append(trial.number)
    return marked


def _cause(worker: Mapping[str, Any], me: Mapping[str, Any], *, silent: bool) -> str | None:
    """Return why a worker's running trial is lost, or None where the worker may be alive."""
    if not worker:
        return "its worker died while it drew the candidate"
    name = f"worker {worker.get('pid')} on {str(worker.get('host')).partition('/')[0]}"
    if all(worker.get(key) == me.get(key) for key in ("host", "pid", "start")):
        return f"{name} no longer runs it"
    alive = lives(worker)
    if alive is None and silent:
        return f"{name} has sent no heartbeat for too long"
    return f"{name} died" if alive is False else None


def _mark(study: optuna.Study, trial_id: int, kind: str, text: str, *, new: bool) -> bool:
    storage = study._storage
    try:
        if new:
            storage.set_trial_user_attr(trial_id, records.FAILURE, {"kind": kind, "text": text})
        return storage.set_trial_state_values(trial_id, state=optuna.trial.TrialState.FAIL)
    except optuna.exceptions.UpdateFinishedTrialError:
        return False  # it ended at this moment


def mark_interrupted(study: optuna.Study, *, pids: Collection[int]) -> None:
    """Mark the running trials of these killed processes of this machine as interrupted.

    An interrupted trial is continued later and does not count as a loss.
    """
    for trial in study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,)):
        worker = trial.user_attrs.get(records.WORKER, {})
        if worker.get("host") == host() and worker.get("pid") in pids:
            new = records.FAILURE not in trial.user_attrs
            _mark(study, trial._trial_id, "interrupted", INTERRUPTED, new=new)


def withdraw(trial: optuna.Trial) -> None:
    """Take back a draw made while the lock was lost. Another worker may have drawn the same."""
    trial.set_user_attr(records.DRAW, None)
    text = "the study's lock was lost while the candidate was drawn"
    trial.set_user_attr(records.FAILURE, {"kind": "killed", "text": text})


@lru_cache(maxsize=1)
def host() -> str:
    """Return a name of this machine, this boot and this process namespace.

    Process ids are comparable only between processes with the same name.
    """
    boot = _read("/proc/sys/kernel/random/boot_id")[:8]
    try:
        namespace = str(Path("/proc/self/ns/pid").readlink()).strip("pid:[]")
    except OSError:
        namespace = ""
    return "/".join(filter(None, (socket.gethostname(), boot, namespace)))


def identity(label: str = "") -> dict[str, Any]:
    """Return the identity of the calling process: host, process id and start."""
    pid = os.getpid()
    return {"host": host(), "pid": pid, "start": _start_of(pid), "label": label}


def lives(who: Mapping[str, Any]) -> bool | None:
    """Return whether a process runs; None for a process of another host."""
    if who.get("host") != host():
        return None
    pid = int(who["pid"])
    if platform.system() == "Linux":
        return _start_of(pid) == who.get("start")
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # it belongs to another user
    return True


def _start_of(pid: int) -> str:
    """Return the start of a process in clock ticks since boot; empty where it has ended.

    A zombie counts as ended.
    """
    stat = _read(f"/proc/{pid}/stat")
    fields = stat.rpartition(")")[2].split()
    if len(fields) < 20 or fields[0] in "ZX":
        return ""
    return fields[19]


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
