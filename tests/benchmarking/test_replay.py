"""``replay --verify``: every sampler, parallel studies, retries, lists, and changed studies."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pytest

from study.benchmarking.replay import Replay, ReplayResult, replay_study
from study.running.study_runner import run_study
from study.search_strategy.registry import SAMPLERS
from study.settings.run_context import RunContext
from study.storage.records import TrialRecord
from study.storage.stored_study import StoredStudy, load_trials
from tests.studies import invoke, settings

SMALL = """\
parameters:
  epochs: 3
  conv_layers: {type: int, low: 1, high: 4}
  channels: {type: categorical, choices: [4, 8]}
  head: {type: categorical, choices: [flatten, global_average]}
  hidden_units: {type: int, low: 8, high: 24, when: {head: flatten}}
  dropout: {type: float, low: 0, high: 0.5, step: 0.1}
"""
ENQUEUED = (
    SMALL + "enqueue:\n- {conv_layers: 2, channels: 4, head: global_average, dropout: 0.3}\n"
)
TINY = """\
parameters:
  epochs: 3
  conv_layers: {type: int, low: 1, high: 4}
  channels: {type: int, low: 3, high: 5}
"""
IN_EVERY_RUN = ("random", "evolution", "reinforce")


def _run_context(folder: Path) -> RunContext:
    return RunContext(url=f"sqlite:///{folder}/study.db", device="cpu")


def _run(folder: Path, *, workers: int = 1, **changes: Any) -> tuple[TrialRecord, ...]:
    values = {"space_text": SMALL, "space_name": "small.yaml", "trials": 14, "seed": 5}
    asked = settings(**{**values, **changes})
    return run_study(asked, _run_context(folder), workers=workers).trials


def _stored(folder: Path, name: str = "test") -> tuple[StoredStudy, tuple[TrialRecord, ...]]:
    return load_trials(name, _run_context(folder).url)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a study that is changed in copies only."""
    folder = tmp_path_factory.mktemp("sound")
    _run(folder, sampler="reinforce")
    return folder


def _assert_same(folder: Path, name: str = "test") -> ReplayResult:
    result = replay_study(*_stored(folder, name))
    assert result.different is None
    return result


def _able(objectives: int) -> list[Any]:
    return [
        pytest.param(name, marks=[] if name in IN_EVERY_RUN else [pytest.mark.slow])
        for name, spec in SAMPLERS.items()
        if objectives == 1 or spec.multi_objective
    ]


def _space_of(sampler: str) -> dict[str, Any]:
    """Return a space that the sampler supports: some do not support conditions."""
    plain = SMALL.replace(", when: {head: flatten}", "")
    return {"space_text": plain} if sampler.partition(":")[0] in ("gp", "cmaes", "auto") else {}


@pytest.mark.parametrize("sampler", _able(1))
def test_a_serial_study_replays(tmp_path: Path, sampler: str) -> None:
    _run(tmp_path, sampler=sampler, estimator="synthetic,fail=0.1", **_space_of(sampler))
    assert len(_assert_same(tmp_path).draws) >= 14


@pytest.mark.slow
@pytest.mark.parametrize("sampler", list(SAMPLERS))
def test_a_study_of_three_workers_replays(tmp_path: Path, sampler: str) -> None:
    changes = {"pruner": "median", "trials": 24, **_space_of(sampler)}
    _run(tmp_path, workers=3, sampler=sampler, estimator="synthetic,delay=0.02", **changes)
    _assert_same(tmp_path)
    assert any(record.draw and record.draw.running for record in _stored(tmp_path)[1])


@pytest.mark.slow
@pytest.mark.parametrize("sampler", _able(2))
def test_a_study_of_two_objectives_replays(tmp_path: Path, sampler: str) -> None:
    _run(tmp_path, sampler=sampler, objectives=("accuracy", "macs"), **_space_of(sampler))
    _assert_same(tmp_path)


def test_lists_duplicates_and_unvisited_draws_replay(tmp_path: Path) -> None:
    _run(tmp_path, space_text=ENQUEUED, study="listed", sampler="evolution,population=4")
    _run(tmp_path, space_text=TINY, study="used-up", sampler="reinforce,step=100", trials=5)

    assert _assert_same(tmp_path, "listed").draws[0].origin == "from the list"
    origins = {draw.origin for draw in _assert_same(tmp_path, "used-up").draws}
    assert origins >= {"by the strategy", "at random among untried ones"}


@pytest.mark.slow
def test_a_study_with_a_larger_budget_later_replays_both_parts(tmp_path: Path) -> None:
    _run(tmp_path, sampler="q_learning", trials=8)
    _run(tmp_path, sampler="q_learning", trials=16)

    _assert_same(tmp_path)
    budgets = {record.draw.budget for record in _stored(tmp_path)[1] if record.draw}
    assert budgets == {8, 16}


@pytest.mark.slow
def test_a_study_that_starts_from_another_replays_while_the_other_exists(tmp_path: Path) -> None:
    _run(tmp_path, study="first", sampler="random")
    _run(tmp_path, study="warm", sampler="reinforce", warm_start="first", trials=6)
    _run(tmp_path, study="saving", sampler="reinforce", reuse=("first",), trials=6)
    _run(tmp_path, study="first", sampler="random", trials=20)  # continues after both started

    _assert_same(tmp_path, "warm")
    _assert_same(tmp_path, "saving")
    optuna.delete_study(study_name="first", storage=_run_context(tmp_path).url)
    with pytest.raises(Exception, match="'warm' was warm-started"):
        replay_study(*_stored(tmp_path, "warm"))


@pytest.mark.slow
def test_the_memory_of_a_strategy_does_not_matter(tmp_path: Path) -> None:
    _run(tmp_path, sampler="q_learning", trials=20)
    stored, records = _stored(tmp_path)
    for record in (records[-1], records[4]):  # each with a strategy of its own
        assert Replay(stored, records).repeat(record).differences == ()


def _tamper(folder: Path, number: int, change: Callable[[sqlite3.Connection, int], None]) -> None:
    with sqlite3.connect(folder / "study.db") as connection:
        query = "select trial_id from trials where number = ?"
        (trial,) = connection.execute(query, (number,)).fetchone()
        change(connection, trial)


def _value(connection: sqlite3.Connection, trial: int) -> None:
    connection.execute("update trial_values set value = 0.01 where trial_id = ?", (trial,))


def _dropout(connection: sqlite3.Connection, trial: int) -> None:
    update = "update trial_params set param_value = ? where trial_id = ? and param_name = ?"
    connection.execute(update, (0.1 + 2**-56, trial, "dropout"))


def _draw(**changes: object) -> Callable[[sqlite3.Connection, int], None]:
    def change(connection: sqlite3.Connection, trial: int) -> None:
        where = "where trial_id = ? and key = 'draw'"
        select = f"select value_json from trial_user_attributes {where}"
        (text,) = connection.execute(select, (trial,)).fetchone()
        update = f"update trial_user_attributes set value_json = ? {where}"
        connection.execute(update, (json.dumps({**json.loads(text), **changes}), trial))

    return change


@pytest.mark.parametrize(
    ("number", "change", "first"),
    [
        (3, _value, range(4, 14)),
        (6, _dropout, range(6, 7)),
        (9, _draw(seen="0-7"), range(9, 10)),
        (9, _draw(seen="0-8,12"), range(9, 10)),
        (9, _draw(attempt=1), range(9, 10)),
        (9, _draw(retry_of=2), range(9, 10)),
        (9, _draw(retry_of=40), range(9, 10)),
        (9, _draw(continues=3), range(9, 10)),
        (9, _draw(source="unvisited"), range(9, 10)),
    ],
)
def test_a_changed_study_is_detected(
    tmp_path: Path,
    number: int,
    change: Callable[[sqlite3.Connection, int], None],
    first: range,
    sound: Path,
) -> None:
    shutil.copytree(sound, tmp_path, dirs_exist_ok=True)
    _tamper(tmp_path, number, change)

    different = replay_study(*_stored(tmp_path)).different
    assert different is not None
    assert different.number == different.sequence_index
    assert different.number in first


def test_the_command_prints_the_sequence_or_verifies_it(tmp_path: Path) -> None:
    _run(tmp_path, space_text=ENQUEUED, sampler="random", trials=5)

    code, out, _ = invoke("replay", "test", cwd=tmp_path)
    assert code == 0
    assert "from the list" in out
    assert "0-3" in out
    code, out, _ = invoke("replay", "test", "--verify", cwd=tmp_path)
    assert code == 0
    assert "5 draws, the same bit for bit: 1 from the list and 4 by the strategy" in out
    code, _, err = invoke("replay", "none", "--verify", cwd=tmp_path)
    assert code == 1
    assert "has no study 'none'" in err
    _tamper(tmp_path, 3, _dropout)
    code, out, _ = invoke("replay", "test", "--verify", cwd=tmp_path)
    assert code == 1
    assert "trial 3 (sequence index 3) differs" in out
