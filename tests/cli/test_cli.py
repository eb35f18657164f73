from __future__ import annotations

import json
import signal
import sqlite3
import time
from pathlib import Path

import pytest
import typer
from optuna.exceptions import StorageInternalError
from typer.testing import CliRunner

from study.cli import main
from study.cli.command import add_command
from tests.data.files import medmnist_arrays, write_npz
from tests.studies import command, invoke

SYNTHETIC = ("--dataset", "digits", "--estimator", "synthetic", "--workers", "1", "--quiet")


def test_a_study_runs_and_is_listed_reported_and_deleted(tmp_path: Path) -> None:
    code, out, _ = invoke("run", "seed", "--trials", "4", *SYNTHETIC, cwd=tmp_path)
    assert code == 0
    assert "Conv layers: " in out
    assert "4 of 4" in invoke("list", cwd=tmp_path)[1]
    report = json.loads(invoke("report", "seed", "--format", "json", cwd=tmp_path)[1])
    assert {"study", "direction", "metric", "settings", "trials", "best"} <= report.keys()
    assert len(report["trials"]) == 4
    assert report["best"]["value"] == max(trial["value"] for trial in report["trials"])
    code, _, said = invoke("report", "seed", "--html", ".", cwd=tmp_path)
    assert (code, said) == (1, "error: .: is a folder; name a file in it\n")
    assert invoke("delete", "seed", "--yes", cwd=tmp_path)[0] == 0
    assert invoke("best", "seed", cwd=tmp_path)[0] == 1


def test_errors_are_one_message_and_the_right_exit_code(tmp_path: Path) -> None:
    for arguments, expected in (
        (("best", "nothing"), 1),
        (("run", "sed"), 1),
        (("run", "seed", "--bogus"), 2),
        (("run", "seed", "--sampler", "tpee", *SYNTHETIC), 2),
        (("run", "seed", "--dataset", "chestmnist"), 1),
        (("report", "x", "--storage", "study.db"), 1),
        (("run", "seed", "--dataset", "~nosuchuser/x.npz"), 1),
        (("run", "seed", "--dataset", "octmnist", "--data-root", "~nosuchuser"), 1),
    ):
        code, _, err = invoke(*arguments, cwd=tmp_path)
        assert code == expected, (arguments, err)
        assert err.strip()
        assert "Traceback" not in err


def test_a_database_that_fails_in_the_midst_of_a_command_is_one_message() -> None:
    def command_(storage: str = "sqlite:///study.db") -> int:
        try:
            raise sqlite3.OperationalError("disk I/O error")
        except sqlite3.OperationalError as error:
            raise StorageInternalError(f"{storage}: raised during the commit") from error

    app = typer.Typer()
    add_command(app, "report", command_)
    done = CliRunner().invoke(app, [])
    assert done.exit_code == 1
    assert done.stderr == (
        "error: storage 'sqlite:///study.db': disk I/O error; check the disk, and that its quota"
        " is not used up, then run the same command again: what was finished is kept\n"
    )


@pytest.mark.parametrize(
    ("dataset", "counts"),
    [
        ("octmnist", "97,477 training and 10,832 validation"),
        pytest.param(
            *("pathmnist", "89,996 training and 10,004 validation"), marks=pytest.mark.slow
        ),
        ("digits", "1,078 training and 360 validation"),
        ("mine.npz", "40 training and 12 validation"),
    ],
)
def test_check_counts_the_images_of_a_data_set(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    dataset: str,
    counts: str,
) -> None:
    write_npz(tmp_path / "mine.npz", medmnist_arrays(size=28))
    monkeypatch.chdir(tmp_path)
    assert main(["check", "seed", "--dataset", dataset]) == 0
    out = capsys.readouterr().out
    assert "9,940" in out
    assert f"for {counts} images" in out


def test_ctrl_c_keeps_the_interrupted_trial_and_says_how_to_resume(tmp_path: Path) -> None:
    slow = ("--dataset", "digits", "--estimator", "synthetic,delay=0.3", "--workers", "1")
    process = command("run", "seed", "--trials", "50", *slow, cwd=tmp_path)
    assert process.stderr is not None
    process.stderr.readline()  # the first trial is done
    process.send_signal(signal.SIGINT)
    start = time.monotonic()
    _, err = process.communicate(timeout=10)
    assert time.monotonic() - start < 2
    assert process.returncode == 130
    assert "resume seed" in err
