"""The file of games: whole lines only, and the same bytes for the same games."""

from __future__ import annotations

from pathlib import Path

import pytest

from study.benchmarking.game import Game
from study.benchmarking.games import GAMES, TIMES, GameFile, GameKey
from study.common.choices import split_choices
from study.common.errors import StudyError


def _key(sampler: str, seed: int) -> GameKey:
    return GameKey(sampler=sampler, seed=seed, trials=3, table="t", code="c")


def _played(seed: int) -> Game:
    return Game(
        regret=(1.0 / 3, 0.1, float(seed)), best=(0.1, 0.2, 0.3), cost=(1, 2, 3), ask=(0.5,)
    )


def test_games_are_read_back_as_they_were_kept(tmp_path: Path) -> None:
    kept = GameFile(tmp_path)
    kept.add(_key("random", 1), _played(1))
    again = GameFile(tmp_path)

    assert again.games == kept.games
    assert again.games[_key("random", 1)].regret == (0.333333, 0.1, 1.0)
    assert again.games[_key("random", 1)].ask == (0.5,)


def test_small_numbers_keep_their_digits(tmp_path: Path) -> None:
    kept = GameFile(tmp_path)
    small = Game(regret=(1e-9 / 3, 0.0), best=(-2e-8, 1.5), cost=(1, 2), ask=(0.5,))
    kept.add(_key("random", 0), small)
    game = GameFile(tmp_path).games[_key("random", 0)]

    assert (game.regret, game.best) == ((3.33333e-10, 0.0), (-2e-8, 1.5))


def test_the_order_in_which_games_end_leaves_no_trace(tmp_path: Path) -> None:
    games = [_key(sampler, seed) for sampler in ("random", "tpe") for seed in (0, 1, 10)]
    contents = []
    for name, order in (("a", games), ("b", games[::-1])):
        folder = tmp_path / name
        folder.mkdir()
        kept = GameFile(folder)
        for key in order:
            kept.add(key, _played(key.seed))
        kept.put_in_order()
        contents.append((folder / GAMES).read_bytes())
    assert contents[0] == contents[1]


def test_a_line_that_was_cut_off_is_dropped_and_the_next_one_is_whole(tmp_path: Path) -> None:
    kept = GameFile(tmp_path)
    kept.add(_key("random", 0), _played(0))
    kept.add(_key("random", 1), _played(1))
    whole = (tmp_path / GAMES).read_bytes()
    for cut in (1, 20, len(whole) // 2 - 1):
        (tmp_path / GAMES).write_bytes(whole[:-cut])
        again = GameFile(tmp_path)
        assert set(again.games) == {_key("random", 0)}
        again.add(_key("random", 1), _played(1))
        assert (tmp_path / GAMES).read_bytes() == whole


@pytest.mark.parametrize("name", [GAMES, TIMES])
def test_a_spoilt_line_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("no game\n", encoding="utf-8")
    with pytest.raises(StudyError, match=rf"{name}: is damaged .* --out"):
        GameFile(tmp_path)


def test_samplers_keep_the_options_that_follow_them() -> None:
    text = "tpe, evolution,population=10,sample=3,random,tpe,n_startup_trials=5"
    assert split_choices(text, flag="--samplers", example="tpe,evolution") == (
        "tpe",
        "evolution,population=10,sample=3",
        "random",
        "tpe,n_startup_trials=5",
    )


@pytest.mark.parametrize("text", ["", "tpe,,random", "a=1", "tpe,tpe"])
def test_a_list_with_gaps_or_repeats_is_refused(text: str) -> None:
    with pytest.raises(StudyError, match="--samplers"):
        split_choices(text, flag="--samplers", example="tpe,evolution")
