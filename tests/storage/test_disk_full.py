"""A full disk, a limit on the size of files: a clear error, and nothing finished is lost."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from study.storage.lifecycle import study_state
from study.storage.stored_study import load_trials
from tests.studies import answer
from tests.terminal import environment, program

pytestmark = pytest.mark.slow

CLOSED_FORM = ("--dataset", "digits", "--estimator", "synthetic", "--trials", "900")
TRAINED = ("--dataset", "digits", "--trials", "4", "--epochs", "2", "--sampler", "random")
WIDE = "parameters: {conv_layers: 1, hidden_units: {type: int, low: 400, high: 512}}"
"""Checkpoints of more than 20 MB each."""


def limited(size: int, *arguments: str, cwd: Path) -> tuple[int, str]:
    """Run the command line with a limit on the size of its files; return code and stderr."""
    before = f"import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}))"
    done = subprocess.run(
        program(*arguments, before=before),
        cwd=cwd,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return done.returncode, done.stderr


def check_one_clear_error(code: int, said: str, *parts: str) -> None:
    lines = [line for line in said.splitlines() if line.startswith("error: ")]
    assert (code, len(lines)) == (1, 1), said
    assert "Traceback" not in said
    for part in (*parts, "what was finished is kept"):
        assert part in lines[0]


def check_that_it_goes_on(folder: Path, url: str) -> None:
    """Check that what was finished is there, and that exactly the rest is added."""
    before = load_trials("seed", url)[1]
    finished = study_state(before, retries=3).finished
    assert finished
    wanted = len(finished) + 2
    code, _, err = answer(
        "resume", "seed", "--trials", str(wanted), "--workers", "1", "--storage", url, cwd=folder
    )
    assert code == 0, err
    after = load_trials("seed", url)[1]
    assert len(study_state(after, retries=3).finished) == wanted
    values = {t.number: t.objectives for t in after}
    assert all(values[t.number] == t.objectives for t in before if t.state == "complete")


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_database_that_may_not_grow_ends_the_run_and_goes_on_later(
    tmp_path: Path, workers: str
) -> None:
    code, said = limited(
        600_000, "run", "seed", *CLOSED_FORM, "--workers", workers, "--quiet", cwd=tmp_path
    )
    check_one_clear_error(code, said, "study.db")
    check_that_it_goes_on(tmp_path, f"sqlite:///{tmp_path}/study.db")


def test_a_checkpoint_that_cannot_be_written_ends_the_run_and_its_trial_is_parked(
    tmp_path: Path,
) -> None:
    (tmp_path / "wide.yaml").write_text(WIDE, encoding="utf-8")
    arguments = ("run", "wide.yaml", "--study", "seed", *TRAINED, "--workers", "1", "--quiet")
    code, said = limited(5_000_000, *arguments, cwd=tmp_path)
    check_one_clear_error(
        code, said, "folder of artifacts", "raise the limit on the size of files"
    )
    trials = load_trials("seed", f"sqlite:///{tmp_path}/study.db")[1]
    assert [t.failure.kind for t in trials if t.failure] == ["interrupted"]
    code, _, err = answer(*arguments, cwd=tmp_path)
    assert code == 0, err
    trials = load_trials("seed", f"sqlite:///{tmp_path}/study.db")[1]
    assert len(study_state(trials, retries=0).finished) == 4


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[None]:
    """Mount a disk of memory, where that may be done."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(folder)]
    if subprocess.run(command, check=False, capture_output=True).returncode != 0:
        pytest.skip("no disk can be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_ends_the_run_and_it_goes_on_when_there_is_room(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    with small_disk(disk, "1m"):
        url = f"sqlite:///{disk}/study.db"
        arguments = ("run", "seed", *CLOSED_FORM, "--workers", "2", "--quiet", "--storage", url)
        code, _, said = answer(*arguments, cwd=tmp_path)
        check_one_clear_error(code, said, "study.db")
        subprocess.run(["mount", "-o", "remount,size=32m", str(disk)], check=True)
        check_that_it_goes_on(tmp_path, url)


def test_artifacts_on_a_full_disk_end_the_run_with_what_to_do(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    with small_disk(disk, "1m"):
        arguments = ("run", "seed", *TRAINED, "--workers", "1", "--quiet")
        code, _, said = answer(*arguments, "--artifacts", str(disk), cwd=tmp_path)
    check_one_clear_error(code, said, "No space left", "name another folder with --artifacts")
    code, _, err = answer(*arguments, cwd=tmp_path)
    assert code == 0, err
