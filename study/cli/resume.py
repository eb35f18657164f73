"""``resume`` and ``worker``: continue a stored study, alone or beside other workers."""

from __future__ import annotations

from study.cli.context import progress_of, ray_backend, run_context_of, workers_of
from study.cli.options import (
    Artifacts,
    DataRoot,
    Device,
    EpochsBudget,
    GpusPerWorker,
    Quiet,
    Ray,
    Storage,
    Study,
    Timeout,
    Trials,
    Workers,
)
from study.cli.run import print_result, start_study
from study.common.stop import Stop
from study.storage.url import DEFAULT_URL


def resume(
    stop: Stop,
    study: Study,
    trials: Trials = None,
    timeout: Timeout = None,
    epochs_budget: EpochsBudget = None,
    storage: Storage = DEFAULT_URL,
    data_root: DataRoot = None,
    artifacts: Artifacts = None,
    device: Device = None,
    workers: Workers = None,
    ray: Ray = None,
    gpus_per_worker: GpusPerWorker = None,
    quiet: Quiet = False,
) -> int:
    """Continue a study where it stopped, with the settings that are stored with it."""
    from study.storage.stored_study import open_study, resume_settings

    stored = open_study(study, storage)
    return start_study(
        resume_settings(stored, trials=trials, timeout=timeout, epochs_budget=epochs_budget),
        run_context_of(storage, data_root, artifacts, device),
        workers=workers_of(workers, device),
        quiet=quiet,
        stop=stop,
        backend=ray_backend(ray, gpus_per_worker, artifacts),
    )


def worker(
    stop: Stop,
    study: Study,
    storage: Storage = DEFAULT_URL,
    data_root: DataRoot = None,
    artifacts: Artifacts = None,
    device: Device = None,
    quiet: Quiet = False,
) -> int:
    """Join a running study as one more worker, on any machine; end when the study is done."""
    from study.dashboard.observers import TrialPictures
    from study.running.study_runner import continue_study
    from study.storage.stored_study import open_study

    run_context = run_context_of(storage, data_root, artifacts, device)
    observers = (*progress_of(quiet=quiet), TrialPictures(artifacts=artifacts))
    stored = open_study(study, storage)
    return print_result(
        continue_study(stored, run_context, workers=1, stop=stop, observers=observers)
    )
