"""One game on a table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from study.benchmarking.game import CODE, play
from study.performance_estimation.tabular.table_file import load_table
from study.running.candidate_source.sampled_source import MAX_REPEATS
from study.search_strategy.registry import SAMPLERS
from study.search_strategy.samplers.non_adaptive import RandomSearch
from study.search_strategy.strategy import History, Proposal
from tests.benchmarking.tables import arrays, write_table
from tests.studies import ROOT

FAST = [name for name in SAMPLERS if name in ("random", "grid", "reinforce", "evolution")]


@pytest.mark.parametrize("sampler", FAST)
def test_a_game_is_a_function_of_its_seed(tmp_path: Path, sampler: str) -> None:
    table = load_table(write_table(tmp_path))
    one, again, other = (play(table, sampler, trials=12, seed=s) for s in (1, 1, 2))

    assert (one.regret, one.best, one.cost) == (again.regret, again.best, again.cost)
    assert one.best != other.best
    assert len(one.regret) == 12
    assert len(one.ask) >= 12


def test_regret_is_that_of_the_true_value_of_the_trial_that_looks_best(tmp_path: Path) -> None:
    table = load_table(write_table(tmp_path))
    played = play(table, "grid", trials=81, seed=0)

    looks_best = int(np.argmax(table.values[:, 0]))
    expected = 100 * (table.true_values.max() - table.true_values[looks_best])
    assert played.regret[-1] == pytest.approx(expected)
    assert played.best[-1] == table.values[:, 0].max()


def test_duplicates_are_trained_once_and_cost_nothing(tmp_path: Path) -> None:
    columns = arrays()
    for name in ("values", "curves", "cost"):
        columns[name][40:] = columns[name][40]
    columns["twins"][40:] = 40
    table = load_table(write_table(tmp_path, **{k: v for k, v in columns.items() if k != "macs"}))
    played = play(table, "random", trials=500, seed=0)

    assert len(played.regret) == 41, "the game ends when no candidate is left"
    assert played.cost[-1] == pytest.approx(columns["cost"][:41].sum())


def test_a_sampler_that_repeats_itself_gets_candidates_that_were_not_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stubborn:
        def propose(self, history: History, rng: np.random.Generator) -> Proposal:
            del rng
            assert history.budget == 10
            return Proposal(values=next(iter(history.space.points())))

    monkeypatch.setattr(RandomSearch, "build", lambda self, context: Stubborn())
    game = play(load_table(write_table(tmp_path)), "random", trials=10, seed=0)

    assert len(game.regret) == 10
    assert len(game.ask) == 1 + 9 * MAX_REPEATS


def test_the_digest_of_the_playing_code_covers_files_that_exist() -> None:
    assert all((ROOT / "study" / name).exists() for name in CODE)
