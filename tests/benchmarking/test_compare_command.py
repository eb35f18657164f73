"""``compare``: its files, kills and wrong input."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from study.benchmarking.games import GAMES
from study.benchmarking.table_comparison import TableComparison
from study.search_strategy.registry import SAMPLERS
from tests.benchmarking.tables import write_table
from tests.studies import command, invoke

MATCH = ("--samplers", "evolution,population=5,grid", "--trials", "12", "--repeats", "6")
DETERMINISTIC = (GAMES, "comparison.txt", "comparison.json", "regret.csv", "comparison.html")


def _bytes(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in DETERMINISTIC}


def test_a_comparison_is_printed_written_and_not_played_twice(tmp_path: Path) -> None:
    table = str(write_table(tmp_path))
    code, out, err = invoke("compare", "--table", table, *MATCH, "--workers", "2", cwd=tmp_path)

    assert code == 0, err
    folder = tmp_path / "comparison-layers-12"
    assert "layers: 81 points, 81 candidates; 6 paired seeds (0 to 5), 12 trials each" in out
    for sampler in ("random", "evolution,population=5", "grid"):
        assert f"\n{sampler} " in out
    assert "Median time of a proposal" in out
    assert "[18/18]" in err
    stored = (folder / "comparison.json").read_bytes()
    assert len(TypeAdapter(TableComparison).validate_json(stored).results) == 3
    assert "Mean regret: layers, 6 seeds" in (folder / "comparison.html").read_text("utf-8")
    assert (folder / "comparison.txt").read_text("utf-8") in out
    before = _bytes(folder)
    code, again, err = invoke("compare", "--table", table, *MATCH, cwd=tmp_path)
    assert (code, again) == (0, out)
    assert "[" not in err
    assert _bytes(folder) == before


@pytest.mark.slow
def test_a_killed_comparison_continues_to_the_same_bytes(tmp_path: Path) -> None:
    table = str(write_table(tmp_path))
    slow = ("--samplers", "q_learning", "--trials", "30", "--repeats", "10")
    arguments = ("compare", "--table", table, *slow, "--workers", "2", "--out")
    killed = command(*arguments, "killed", cwd=tmp_path)
    games = tmp_path / "killed" / GAMES
    deadline = time.monotonic() + 60
    while not games.exists() or len(games.read_bytes().splitlines()) < 5:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    kept = set(games.read_text("utf-8").splitlines()[:5])
    assert len(games.read_bytes().splitlines()) < 20

    code, out, err = invoke(*arguments, "killed", cwd=tmp_path)
    assert code == 0, err
    assert kept <= set(games.read_text("utf-8").splitlines())
    code, whole, _ = invoke(*arguments, "whole", cwd=tmp_path)
    assert code == 0
    assert _bytes(tmp_path / "killed") == _bytes(tmp_path / "whole")
    assert out.partition("Median")[0] == whole.partition("Median")[0]


@pytest.mark.slow
def test_ctrl_c_keeps_the_games_and_prints_how_to_continue(tmp_path: Path) -> None:
    table = str(write_table(tmp_path))
    long = ("--samplers", "q_learning", "--trials", "80", "--repeats", "200")
    process = command("compare", "--table", table, *long, "--workers", "1", cwd=tmp_path)
    assert process.stderr is not None
    process.stderr.readline()  # the first game is over
    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    _, err = process.communicate(timeout=20)

    assert process.returncode == 130
    assert time.monotonic() - began < 5
    assert "kept in comparison-layers-80, and the same command continues" in err
    assert (tmp_path / "comparison-layers-80" / GAMES).read_bytes().endswith(b"\n")


WRONG = [
    ((), "name two studies or more, or give --table"),
    (("one",), "name two studies or more"),
    (("one", "--samplers", "tpe"), "--table is missing"),
    (("--table", "{table}"), "--samplers: write some of random"),
    (("--table", "{table}", "one", "--samplers", "tpe"), "studies or --table, not both"),
    (("--table", "nothing.npz", "--samplers", "tpe"), "no such table"),
    (("--table", "{table}", "--samplers", "tpee"), "did you mean 'tpe'?"),
    (("--table", "{table}", "--samplers", "tpe,start=3"), "unknown option"),
    (("--table", "{table}", "--samplers", "tpe", "--repeats", "1"), "--repeats"),
    (("--table", "{table}", "--samplers", "tpe", "--trials", "0"), "--trials"),
    (("--table", "{table}", "--samplers", "grid", "--out", "{table}"), "cannot be created"),
]


def test_wrong_input_gives_one_clear_message(tmp_path: Path) -> None:
    table = str(write_table(tmp_path))
    for arguments, message in WRONG:
        given = (argument.format(table=table) for argument in arguments)
        code, _, err = invoke("compare", *given, cwd=tmp_path)
        assert code in (1, 2), arguments
        assert message in err, (arguments, err)
        assert "Traceback" not in err


@pytest.mark.slow
def test_every_sampler_can_be_compared(tmp_path: Path) -> None:
    table = str(write_table(tmp_path))
    named = [name for name in SAMPLERS if name != "cmaes"]  # needs numbers; the table has none
    able = ",".join(named)
    code, out, err = invoke(
        "compare", "--table", table, "--samplers", able, "--trials", "14", "--repeats", "2",
        "--quiet", cwd=tmp_path,
    )  # fmt: skip
    assert code == 0, err
    assert all(f"\n{name} " in out for name in named)
