"""A full disk, a limit on the size of files: a clear error, and nothing finished is lost."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from study.storage.lifecycle import study_state
from study.storage.stored_study import load_trials
from tests.studies import answer, invoke
from tests.terminal import environment, program

pytestmark = pytest.mark.slow

CLOSED_FORM = ("--dataset", "digits", "--estimator", "synthetic", "--trials", "900")
TRAINED = ("--dataset", "digits", "--trials", "4", "--epochs", "2", "--sampler", "random")
WIDE = "parameters: {conv_layers: 1, hidden_units: {type: int, low: 400, high: 512}}"
"""Checkpoints of more than 20 MB each."""


def limited(size: int, *arguments: str, cwd: Path) -> tuple[int, str]:
    """Run the command line with a limit on the bytes of a file; return exit code and stderr."""
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


def check_one_clear_error(code: int, stderr: str, *parts: str) -> None:
    lines = [line for line in stderr.splitlines() if line.startswith("error: ")]
    assert (code, len(lines)) == (1, 1), stderr
    assert "Traceback" not in stderr
    for part in (*parts, "what was finished is kept"):
        assert part in lines[0]


def check_that_it_continues(folder: Path, url: str) -> None:
    """Check that finished trials are kept, and that exactly the missing ones are added."""
    before = load_trials("seed", url)[1]
    finished = study_state(before, retries=3).finished
    assert finished
    wanted = len(finished) + 2
    arguments = ("--trials", str(wanted), "--workers", "1", "--quiet", "--storage", url)
    assert invoke("resume", "seed", *arguments, cwd=folder)[0] == 0
    after = load_trials("seed", url)[1]
    assert len(study_state(after, retries=3).finished) == wanted
    values = {t.number: t.objectives for t in after}
    assert all(values[t.number] == t.objectives for t in before if t.state == "complete")


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_database_that_may_not_grow_ends_the_run_which_continues_later(
    tmp_path: Path, workers: str
) -> None:
    code, stderr = limited(
        600_000, "run", "seed", *CLOSED_FORM, "--workers", workers, "--quiet", cwd=tmp_path
    )
    check_one_clear_error(code, stderr, "study.db")
    check_that_it_continues(tmp_path, f"sqlite:///{tmp_path}/study.db")


def test_a_checkpoint_that_cannot_be_written_ends_the_run_and_interrupts_its_trial(
    tmp_path: Path,
) -> None:
    (tmp_path / "wide.yaml").write_text(WIDE, encoding="utf-8")
    arguments = ("run", "wide.yaml", "--study", "seed", *TRAINED, "--workers", "1", "--quiet")
    code, stderr = limited(5_000_000, *arguments, cwd=tmp_path)
    check_one_clear_error(
        code, stderr, "folder of artifacts", "raise the limit on the size of files"
    )
    trials = load_trials("seed", f"sqlite:///{tmp_path}/study.db")[1]
    assert [t.failure.kind for t in trials if t.failure] == ["interrupted"]
    assert invoke(*arguments, cwd=tmp_path)[0] == 0
    trials = load_trials("seed", f"sqlite:///{tmp_path}/study.db")[1]
    assert len(study_state(trials, retries=0).finished) == 4


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[None]:
    """Mount a disk in memory, or skip the test."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(folder)]
    if subprocess.run(command, check=False, capture_output=True).returncode != 0:
        pytest.skip("no disk can be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_ends_the_run_which_continues_when_there_is_room(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    with small_disk(disk, "1m"):
        url = f"sqlite:///{disk}/study.db"
        arguments = ("run", "seed", *CLOSED_FORM, "--workers", "2", "--quiet", "--storage", url)
        code, _, stderr = answer(*arguments, cwd=tmp_path)
        check_one_clear_error(code, stderr, "study.db")
        subprocess.run(["mount", "-o", "remount,size=32m", str(disk)], check=True)
        check_that_it_continues(tmp_path, url)


def test_artifacts_on_a_full_disk_end_the_run_with_what_to_do(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    with small_disk(disk, "1m"):
        arguments = ("run", "seed", *TRAINED, "--workers", "1", "--quiet")
        code, _, stderr = answer(*arguments, "--artifacts", str(disk), cwd=tmp_path)
    check_one_clear_error(code, stderr, "No space left", "name another folder with --artifacts")
    assert invoke(*arguments, cwd=tmp_path)[0] == 0
