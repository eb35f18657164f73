"""What a person reads while a study runs."""

from __future__ import annotations

import datetime as dt
import io
import re
from contextlib import closing
from pathlib import Path

import pytest

from study.running.progress import Lines, RemainingTime
from study.search_space.candidate import OCTMNIST
from study.settings.problem import Problem
from study.storage.lifecycle import study_state
from study.storage.records import TrialRecord
from tests.report.builders import failed, seed_trial
from tests.studies import settings
from tests.terminal import terminal


def running(number: int, epochs: int) -> TrialRecord:
    curve = {epoch: 0.5 for epoch in range(1, epochs + 1)}
    return TrialRecord(number=number, state="running", intermediate=curve)


@pytest.mark.parametrize(
    ("total", "epochs", "moments"),
    [
        (  # the clock starts with the first trial: at 25 s, 9.5 trials are left at 10 s each
            10,
            4,
            [
                (0, [], 0.0, "starting"),
                (0, [running(0, 0)], 20.0, "running for 0.0 s"),
                (0, [running(0, 2)], 25.0, "about 1.6 min left"),
                (1, [running(1, 0)], 30.0, "about 1.5 min left"),
            ],
        ),
        (  # a resumed study is timed by what this run did
            20,
            2,
            [
                (15, [running(15, 0)], 0.0, "running for 0.0 s"),
                (17, [running(17, 0)], 8.0, "about 12.0 s left"),
            ],
        ),
        (
            None,
            2,
            [
                (0, [running(0, 0)], 0.0, "running for 0.0 s"),
                (3, [running(3, 1)], 9.0, "running for 9.0 s"),
            ],
        ),
    ],
    ids=["new", "resumed", "without a number of trials"],
)
def test_the_remaining_time_follows_from_the_trials_and_epochs_of_this_run(
    total: int | None, epochs: int, moments: list[tuple[int, list[TrialRecord], float, str]]
) -> None:
    clock = RemainingTime(total, epochs)
    for done, trials, now, text in moments:
        assert clock.describe(done, trials, now=now) == text


def test_every_trial_that_ends_gets_one_line_with_its_own_count() -> None:
    out = io.StringIO()
    lines = Lines(Problem(settings=settings(trials=4), image=OCTMNIST), out)
    records = [seed_trial(0)]
    lines.show(records, study_state(records, retries=3))
    late = dt.datetime(2026, 11, 24, 12, tzinfo=dt.UTC)
    records += [
        seed_trial(1, finished=late),
        failed(2, "killed", finished=late - dt.timedelta(hours=1)),
        seed_trial(3, finished=late - dt.timedelta(minutes=1)),
    ]
    for _ in range(2):
        lines.show(records, study_state(records, retries=3))
    shown = out.getvalue().splitlines()
    assert [line.partition(":")[0] for line in shown] == [
        "[1/4] trial 2",
        "[2/4] trial 3",
        "[3/4] trial 1",
    ]
    assert "(lost: killed)" in shown[0]


def screen_of(*arguments: str, folder: Path) -> str:
    """Return what a study has written to its terminal, without the terminal's own codes."""
    study = ("run", "seed", "--dataset", "digits", *arguments)
    with closing(terminal(*study, cwd=folder)) as shown:
        code, _ = shown.end()
    assert code == 0
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.screen)


@pytest.mark.slow
def test_a_terminal_shows_epochs_the_best_and_the_time_left(tmp_path: Path) -> None:
    shown = screen_of(
        "--estimator", "synthetic,delay=0.3", "--trials", "6", "--workers", "2", "--epochs", "5",
        folder=tmp_path,
    )  # fmt: skip
    assert re.search(r"[1-5] of 6 trials", shown)
    assert re.search(r"trial \d: epoch [1-5]/5", shown)
    assert re.search(r"best, trial \d: Conv layers: \d, Hidden units: \d+", shown)
    assert re.search(r"about [\d.]+ s left", shown)
    assert "all 6 trials are done" in shown


@pytest.mark.slow
def test_quiet_shows_no_progress(tmp_path: Path) -> None:
    shown = screen_of(
        "--estimator", "synthetic", "--trials", "2", "--workers", "1", "-q", folder=tmp_path
    )
    assert "of 2 trials" not in shown
    assert "all 2 trials are done" in shown
