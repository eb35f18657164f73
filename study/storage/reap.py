"""Trials that a dead worker left behind: found, and marked with the reason."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from study.storage import records
from study.storage.opening import silent_trial_ids
from study.storage.processes import host, lives, same_process
from study.storage.records import TrialRecord

if TYPE_CHECKING:
    import optuna

INTERRUPTED = "the study was asked to stop; goes on when resumed"


def reap_dead_trials(
    study: optuna.Study, trials: Sequence[TrialRecord], *, me: Mapping[str, Any]
) -> list[int]:
    """Mark as failed what no live worker is running; call it with the study's lock in hand.

    A trial names its worker before the lock is given back, so that one without a worker was
    being created by a process that is gone. A worker of this machine is looked up; one of another
    machine counts as dead when its heartbeat has stopped for the storage's grace period. A worker
    that was asked to stop and ended before its trial did has parked it.

    Args:
        study: The study.
        trials: Its trials as they are now.
        me: The calling process, which is between two trials: what it is said to run is lost.

    Returns:
        Numbers of the trials that were marked.
    """
    running = [trial for trial in trials if trial.state == "running"]
    if not running:
        return []
    silent = silent_trial_ids(study)
    settled = []
    for trial in running:
        trial_id = _trial_id(study, trial.number)
        cause = _cause(trial.worker, me, silent=trial_id in silent)
        if cause is None:
            continue
        kind, text = ("interrupted", INTERRUPTED) if trial.stopping else ("killed", cause)
        if _mark(study, trial_id, kind, text, new=trial.failure is None):
            settled.append(trial.number)
    return settled


def _trial_id(study: optuna.Study, number: int) -> int:
    storage = study._storage
    return storage.get_trial_id_from_study_id_trial_number(study._study_id, number)


def _cause(worker: Mapping[str, Any], me: Mapping[str, Any], *, silent: bool) -> str | None:
    """Return why the running trial of a worker is lost, or None where it may be alive."""
    if not worker:
        return "its worker died while it was being drawn"
    name = f"worker {worker.get('pid')} on {str(worker.get('host')).partition('/')[0]}"
    if same_process(worker, me):
        return f"{name} lost hold of it"
    alive = lives(worker)
    if alive is None and silent:
        return f"{name} has sent no heartbeat for too long"
    return f"{name} died" if alive is False else None


def _mark(study: optuna.Study, trial_id: int, kind: str, text: str, *, new: bool) -> bool:
    import optuna

    storage = study._storage
    try:
        if new:
            storage.set_trial_user_attr(trial_id, records.FAILURE, {"kind": kind, "text": text})
        return storage.set_trial_state_values(trial_id, state=optuna.trial.TrialState.FAIL)
    except optuna.exceptions.UpdateFinishedTrialError:
        return False  # it ended by itself at this very moment


def park(study: optuna.Study, *, pids: Collection[int]) -> None:
    """Mark what these processes of this machine ran as parked: they were told to stop and killed.

    A trial that is parked goes on later and is not counted as a loss.
    """
    import optuna

    here = host()
    for trial in study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,)):
        worker = trial.user_attrs.get(records.WORKER, {})
        if worker.get("host") == here and worker.get("pid") in pids:
            new = records.FAILURE not in trial.user_attrs
            _mark(study, trial._trial_id, "interrupted", INTERRUPTED, new=new)


def disown(trial: optuna.Trial) -> None:
    """Take back a draw made while the lock was lost: another worker may have made the same one."""
    trial.set_user_attr(records.DRAW, None)
    text = "the study's lock was lost while it was being drawn"
    trial.set_user_attr(records.FAILURE, {"kind": "killed", "text": text})
