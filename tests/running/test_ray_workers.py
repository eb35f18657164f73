"""Workers placed by a Ray that is started on this machine; real tasks, real SIGKILL."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import time
from functools import partial
from pathlib import Path

import pytest
import torch

from study.cli.options import StudyOptions
from study.common.artifact_path import RemotePath
from study.common.errors import SettingsError, StorageError
from study.common.stop import Stop
from study.running.ray_workers import RayCluster, packed, unpacked
from study.running.study_data import load_data
from study.settings.run_context import RunContext
from study.storage.lifecycle import study_state
from study.storage.records import TrialRecord
from study.storage.stored_study import load_trials
from tests.studies import answer, command, exactly, settings

SERVER = RunContext(url="postgresql+psycopg://user:secret@host/studies")


def trials_of(folder: Path) -> tuple[TrialRecord, ...]:
    return load_trials("seed", f"sqlite:///{folder}/study.db")[1]


def test_images_come_through_the_object_store_as_they_were() -> None:
    data, described = load_data(settings(estimator="train"), RunContext(url="sqlite:///none.db"))
    assert data is not None
    there, facts = unpacked(pickle.loads(pickle.dumps(packed(data, described))))
    assert there is not None
    assert facts == described
    assert (there.sha256, there.image, there.notes) == (data.sha256, data.image, data.notes)
    for name in ("train_images", "train_labels", "val_images", "val_labels"):
        assert torch.equal(getattr(there, name), getattr(data, name))
    assert unpacked(packed(None, described)) == (None, described)


def test_gpus_without_ray_are_refused() -> None:
    options = partial(StudyOptions, stop=Stop())
    assert options().backend is None
    with pytest.raises(SettingsError, match="add --ray ADDRESS"):
        _ = options(gpus_per_worker=0.25).backend
    backend = options(ray="auto", gpus_per_worker=0.25).backend
    assert backend is not None
    assert (backend.address, backend.gpus) == ("auto", 0.25)


def test_a_missing_ray_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("study.running.ray_workers.ray", None)
    with pytest.raises(SettingsError, match=r"pip install \"study-nas\[cluster\]\""):
        RayCluster(address="local").check(SERVER)


def test_sqlite_is_refused_for_a_cluster_with_the_remedy() -> None:
    pytest.importorskip("ray", reason="ray is not installed (extra 'cluster')")
    here = RunContext(url="sqlite:///study.db")
    RayCluster(address="local").check(here)
    RayCluster(address="auto").check(SERVER)
    with pytest.raises(StorageError, match=r"--storage postgresql\+psycopg://"):
        RayCluster(address="auto").check(here)


def test_local_checkpoints_on_a_cluster_are_noted(tmp_path: Path) -> None:
    cluster = RayCluster(address="auto")
    assert "lie on each node" in cluster.notes(SERVER)[0]
    assert str(tmp_path) in cluster.notes(RunContext(url=SERVER.url, artifacts=tmp_path))[0]
    assert cluster.notes(RunContext(url=SERVER.url, artifacts=RemotePath("s3://bucket/x"))) == ()
    assert RayCluster(address="local").notes(SERVER) == ()


@pytest.mark.slow
def test_a_worker_that_is_killed_is_started_again_by_ray_and_the_count_is_exact(
    tmp_path: Path,
) -> None:
    pytest.importorskip("ray", reason="ray is not installed (extra 'cluster')")
    process = command(
        "run", "seed", "--dataset", "digits", "--estimator", "synthetic,delay=0.2",
        "--trials", "30", "--workers", "2", "--ray", "local", "--quiet", cwd=tmp_path,
    )  # fmt: skip
    killed: set[int] = set()
    for _ in range(3):
        pid = _some_worker(tmp_path, but_not=killed)
        os.kill(pid, signal.SIGKILL)
        killed.add(pid)
    _, error = process.communicate(timeout=240)
    assert process.returncode == 0, error
    records = trials_of(tmp_path)
    exactly(records, 30)
    workers = {record.worker["pid"] for record in records if record.worker}
    assert killed < workers
    assert {r.worker["label"] for r in records if r.worker} == {"worker 1", "worker 2"}
    assert process.pid not in workers


def _recorded(folder: Path) -> tuple[TrialRecord, ...]:
    with contextlib.suppress(StorageError):  # there is no study yet
        return trials_of(folder)
    return ()


def _some_worker(folder: Path, *, but_not: set[int]) -> int:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        running = {
            int(r.worker["pid"]) for r in _recorded(folder) if r.state == "running" and r.worker
        }
        if running - but_not:
            return min(running - but_not)
        time.sleep(0.1)
    raise AssertionError("no worker began a trial")


@pytest.mark.slow
def test_a_real_training_on_ray_is_interrupted_by_ctrl_c_and_continues(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="ray is not installed (extra 'cluster')")
    arguments = (
        "run", "seed", "--dataset", "digits", "--epochs", "25", "--trials", "2",
        "--sampler", "random", "--precision", "float32", "--quiet",
    )  # fmt: skip
    process = command(*arguments, "--workers", "2", "--ray", "local", cwd=tmp_path)
    while not any(record.epochs >= 1 for record in _recorded(tmp_path)):
        assert process.poll() is None
        time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 130
    assert "interrupted" in {r.failure.kind for r in trials_of(tmp_path) if r.failure}
    code, _, error = answer(*arguments, "--workers", "1", cwd=tmp_path)
    assert code == 0, error
    records = trials_of(tmp_path)
    assert len(study_state(records, retries=3).finished) == 2
    assert any(record.restored for record in records)
