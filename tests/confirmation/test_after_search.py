"""From a search to an exported network, by the command line."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from study.common.errors import StorageError
from study.confirmation.retraining import seed_of
from study.final_test.access_log import read_accesses
from study.storage.records import TrialRecord
from study.storage.stored_study import load_trials, open_study
from tests.data.files import SHARED, write_npz
from tests.searched import SPACE, learnable
from tests.studies import command, invoke

MINI = SHARED / "octmnist_mini.npz"

ONE = ("--workers", "1", "--device", "cpu", "--quiet")
RUN = ("run", "tiny.yaml", "--study", "s", "--dataset", "tiny.npz", "--sampler", "grid")
CONFIRM = ("confirm", "s", "--top", "2", "--seeds", "2")
TEST = ("test", "s", "--seeds", "2")
EXPORT = ("export", "s", "--to", "out", "--no-onnx", "--device", "cpu")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_npz(tmp_path / "tiny.npz", learnable())
    (tmp_path / "tiny.yaml").write_text(SPACE)
    for index, pixels in enumerate(learnable()["test_images"][:2]):
        Image.fromarray(pixels).save(tmp_path / f"{index}.png")
    return tmp_path


@pytest.mark.slow
def test_a_search_becomes_a_tested_and_exported_network(folder: Path) -> None:
    commands = (
        (*RUN, "--trials", "3", "--precision", "float32", *ONE),
        (*CONFIRM, *ONE),
        (*TEST, *ONE),
        EXPORT,
        ("predict", "out", "0.png", "1.png", "none.png", "--format", "json"),
        ("reproduce", "out", "--device", "cpu"),
        ("report", "s", "--format", "markdown"),
    )
    printed = {}
    for arguments in commands:
        code, out, err = invoke(*arguments, cwd=folder)
        assert code == (1 if arguments[0] == "predict" else 0), err
        printed[arguments[0]] = out
    assert "Its optimism is" in printed["confirm"]
    assert "access 1 to the test part" in printed["test"]
    assert "of test in train" in printed["test"]
    assert "digest: " in printed["export"]
    rows = json.loads(printed["predict"])
    assert [set(row) for row in rows[:2]] == [{"image", "class", "label", "probabilities"}] * 2
    assert "no such file" in rows[2]["error"]
    assert printed["reproduce"].startswith("the weights are the same to the last bit")
    for section in ("## Confirmation", "## Test", "Test-set access log", "## The data"):
        assert section in printed["report"]
    code, out, _ = invoke("report", "s", cwd=folder)
    assert (code, out.splitlines()[-1]) == (0, "The test part was opened once.")


@pytest.mark.slow
def test_a_killed_confirmation_ends_with_the_same_runs(folder: Path) -> None:
    search = (*RUN, "--trials", "3", "--precision", "float32", *ONE)
    confirm = (*CONFIRM, "--epochs", "60", "--workers", "2", "--device", "cpu", "--quiet")
    assert invoke(*search, cwd=folder)[0] == 0
    for _ in range(3):
        process = command(*confirm, cwd=folder)
        wait_for_a_training(folder, "s-confirm-epochs60", process)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    code, out, err = invoke(*confirm, cwd=folder)
    assert code == 0, err
    killed = stored(folder, "s-confirm-epochs60")
    assert [r for r in killed if r.lost], "nothing was killed"
    (folder / "study.db").rename(folder / "killed.db")
    (folder / "artifacts").rename(folder / "killed")
    assert invoke(*search, cwd=folder)[0] == 0
    assert invoke(*confirm, cwd=folder)[1] == out
    whole = stored(folder, "s-confirm-epochs60")
    assert outcomes(killed) == outcomes(whole)


def stored(folder: Path, name: str) -> tuple[TrialRecord, ...]:
    return load_trials(name, f"sqlite:///{folder}/study.db")[1]


def outcomes(records: tuple[TrialRecord, ...]) -> set[tuple[str, int, float | None]]:
    return {(r.candidate_id, seed_of(r), r.value) for r in records if r.state == "complete"}


def wait_for_a_training(folder: Path, name: str, process: subprocess.Popen[str]) -> None:
    """Wait until a trial of a study has trained some epochs."""
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(StorageError):
            if any(r.state == "running" and r.epochs > 2 for r in stored(folder, name)):
                return
        time.sleep(0.05)


@pytest.mark.slow
def test_ctrl_c_leaves_the_test_part_closed_and_the_same_command_continues(folder: Path) -> None:
    for arguments in (
        (*RUN, "--trials", "3", *ONE),
        ("confirm", "s", "--top", "1", "--seeds", "1", "--epochs", "60", *ONE),
    ):
        assert invoke(*arguments, cwd=folder)[0] == 0
    process = command(*TEST, *ONE, cwd=folder)
    wait_for_a_training(folder, "s-test", process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "run_study.py test s" in err
    url = f"sqlite:///{folder}/study.db"
    assert not read_accesses(open_study("s", url).study)
    code, out, _ = invoke(*TEST, *ONE, cwd=folder)
    assert code == 0
    assert "access 1 to the test part" in out


@pytest.mark.slow
@pytest.mark.skipif(not MINI.exists(), reason=f"{MINI.name} is missing")
def test_real_images_go_through_every_step(tmp_path: Path) -> None:
    """Two workers, and every option for unequal classes among the choices."""
    space = SPACE.replace(
        "  channels:",
        "  balance: {type: categorical, choices: [none, logit_adjust, resample]}\n  channels:",
    )
    (tmp_path / "tiny.yaml").write_text(space)
    run = ("run", "tiny.yaml", "--study", "s", "--dataset", str(MINI), "--drop-leaks")
    steps = (
        (*run, "--metric", "balanced_accuracy", "--trials", "6", "--workers", "2", "--quiet"),
        (*CONFIRM, "--workers", "2", "--quiet"),
        (*TEST, "--fit-on", "train+val", "--workers", "2", "--quiet"),
        (*TEST, "--workers", "2", "--quiet"),
        ("export", "s", "--to", "out"),
        ("reproduce", "out"),
    )
    printed = {}
    for arguments in steps:
        code, out, err = invoke(*arguments, cwd=tmp_path)
        assert code == 0, err
        printed[arguments[0]] = out
    assert "This was access 2 to the test part" in printed["test"]
    assert "may have been chosen by the test part" in printed["test"]
    assert printed["reproduce"].startswith("the weights are the same to the last bit")
    images = np.load(MINI)["val_images"][:50]
    np.savez(tmp_path / "some.npz", images=images)
    code, out, _ = invoke("predict", "out", "some.npz", "--format", "json", cwd=tmp_path)
    assert code == 0
    assert len(json.loads(out)) == 50
    (tmp_path / "out" / "model.safetensors").write_bytes(b"changed")
    code, _, err = invoke("predict", "out", "some.npz", cwd=tmp_path)
    assert code == 1
    assert "damaged or changed since the export" in err
