"""A study's files behind a URL, shown on fsspec's memory file system."""

from __future__ import annotations

import io
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from optuna.artifacts.exceptions import ArtifactNotFound

from study.common.artifact_path import (
    RemotePath,
    artifact_path,
    check_writable,
    remove_tree,
    replace_file,
)
from study.common.errors import SettingsError, StorageError
from study.common.stop import Stop
from study.dashboard.store import artifact_store
from study.performance_estimation.training.checkpoint import load_checkpoint, save_checkpoint
from study.running.study_data import checkpoints
from study.running.study_runner import prepare, run_study
from study.running.worker import make_worker
from study.storage.checkpoints import prune_checkpoints
from study.storage.records import read_trials
from tests.studies import outcome, run_context, settings

fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed (extra 'cluster')")


@pytest.fixture
def url() -> Iterator[str]:
    name = f"memory://{uuid.uuid4().hex}"
    yield f"{name}/studies"
    remove_tree(RemotePath(name))


def remote(url: str) -> RemotePath:
    path = artifact_path(url)
    assert isinstance(path, RemotePath)
    return path


def test_a_folder_is_a_plain_path_and_a_url_a_remote_one(url: str) -> None:
    assert artifact_path("some/folder") == Path("some/folder")
    assert artifact_path("file:///some/folder") == Path("/some/folder")
    assert str(remote(f"{url}/")) == url
    assert str(remote(url) / "a" / "b") == f"{url}/a/b"
    assert (remote(url) / "a").parent == remote(url)


def test_files_behind_a_url_are_replaced_listed_read_and_removed(url: str) -> None:
    folder = remote(url) / "study"
    assert not folder.is_dir()
    for content in (b"first", b"second"):
        replace_file(folder / "a.pt", (content[:2], memoryview(content[2:])))
        assert (folder / "a.pt").read_bytes() == content
    replace_file(folder / "b.pt", (b"",))
    assert sorted(path.name for path in folder.iterdir()) == ["a.pt", "b.pt"]
    prune_checkpoints(folder, {"b"})
    assert [path.name for path in folder.iterdir()] == ["b.pt"]
    assert not (folder / "a.pt").exists()
    (folder / "a.pt").unlink(missing_ok=True)
    with pytest.raises(FileNotFoundError):
        (folder / "a.pt").unlink()
    with pytest.raises(FileNotFoundError):
        (folder / "a.pt").read_bytes()
    remove_tree(folder)
    remove_tree(folder)
    assert not folder.is_dir()


def test_a_write_that_was_cut_off_before_the_move_leaves_the_old_file(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = remote(url) / "a.pt"
    replace_file(path, (b"old",))

    def killed(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(path.file_system, "mv", killed)
    with pytest.raises(KeyboardInterrupt):
        replace_file(path, (b"new",))
    assert path.read_bytes() == b"old"
    prune_checkpoints(remote(url), {"b"})  # removes half-written files too
    assert list(remote(url).iterdir()) == []


def test_a_second_writer_during_the_first_leaves_a_whole_file(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = remote(url) / "a.pt"
    move, between = path.file_system.mv, [b"second"]

    def mv(source: str, target: str) -> None:
        if between:
            replace_file(path, (between.pop(),))
        move(source, target)

    monkeypatch.setattr(path.file_system, "mv", mv)
    replace_file(path, (b"first",))
    assert path.read_bytes() == b"first"
    assert [other.name for other in path.parent.iterdir()] == ["a.pt"]


def test_a_url_of_an_unknown_protocol_is_an_error() -> None:
    with pytest.raises(SettingsError, match="Protocol not known: nonsense"):
        artifact_path("nonsense://bucket")


def test_a_url_that_cannot_be_written_is_an_error_before_the_study_is_created(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_writable(remote(url))

    def denied(*_: Any, **__: Any) -> None:
        raise PermissionError("access denied")

    monkeypatch.setattr(remote(url).file_system, "pipe_file", denied)
    context = run_context(tmp_path, artifacts=remote(url))
    with pytest.raises(StorageError, match="access denied; check the address and the credentials"):
        run_study(settings(trials=1), context)
    assert not (tmp_path / "study.db").exists()


def test_a_checkpoint_behind_a_url_is_saved_loaded_and_checked(url: str) -> None:
    path = remote(url) / "c.pt"
    assert load_checkpoint(path, fingerprint="x") is None
    save_checkpoint(path, {"epoch": 2}, fingerprint="x")
    assert load_checkpoint(path, fingerprint="x") == {"epoch": 2}
    assert load_checkpoint(path, fingerprint="y") is None
    path.unlink()
    assert load_checkpoint(path, fingerprint="x") is None


def test_a_trial_interrupted_on_one_machine_continues_on_another(url: str, tmp_path: Path) -> None:
    asked = settings(estimator="train", epochs=3, trials=1, precision="float32", sampler="random")
    whole = run_study(asked, run_context(tmp_path / "local"))
    context = run_context(tmp_path, artifacts=remote(url))
    stop = Stop()
    stored, _ = prepare(asked, context, stop=stop)
    first = make_worker(stored, context, stop=stop)
    replace(first, context=replace(first.context, alive=stop.request)).run()
    assert [p.name.partition(".")[2] for p in checkpoints(stored, context).iterdir()] == ["pt"]
    make_worker(stored, context, stop=Stop()).run()
    trials = read_trials(stored.study.get_trials(deepcopy=False))
    assert outcome(tuple(trials)) == outcome(whole.trials)
    assert trials[-1].restored >= 1
    assert trials[-1].curve == whole.trials[-1].curve
    assert not [p for p in tmp_path.iterdir() if p.name == "artifacts"]


def test_the_files_of_the_dashboard_are_stored_there_too(url: str) -> None:
    store = artifact_store(remote(url), "sqlite:///study.db")
    store.write("picture", io.BytesIO(b"svg"))
    assert store.open_reader("picture").read() == b"svg"
    store.remove("picture")
    for act in (store.open_reader, store.remove):
        with pytest.raises(ArtifactNotFound):
            act("picture")
