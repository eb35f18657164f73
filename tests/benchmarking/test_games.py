"""The file of games: whole lines only, and the same bytes for the same games."""

from __future__ import annotations

from pathlib import Path

import pytest

from study.benchmarking.game import Game
from study.benchmarking.games import GAMES, TIMES, GameFile, GameKey
from study.common.errors import StudyError


def _key(sampler: str, seed: int) -> GameKey:
    return GameKey(sampler=sampler, seed=seed, trials=3, table="t", code="c")


def _played(seed: int) -> Game:
    return Game(
        regret=(1.0 / 3, 0.1, float(seed)), best=(0.1, 0.2, 0.3), cost=(1, 2, 3), ask=(0.5,)
    )


def test_games_are_read_back_with_six_digits(tmp_path: Path) -> None:
    kept = GameFile(tmp_path)
    kept.add(_key("random", 1), _played(1))
    small = Game(regret=(1e-9 / 3, 0.0), best=(-2e-8, 1.5), cost=(1, 2), ask=(0.5,))
    kept.add(_key("random", 0), small)
    again = GameFile(tmp_path).games

    assert again == kept.games
    assert again[_key("random", 1)].regret == (0.333333, 0.1, 1.0)
    assert again[_key("random", 1)].ask == (0.5,)
    game = again[_key("random", 0)]
    assert (game.regret, game.best) == ((3.33333e-10, 0.0), (-2e-8, 1.5))


def test_the_files_do_not_depend_on_the_order_in_which_games_end(tmp_path: Path) -> None:
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


def test_an_incomplete_last_line_is_dropped(tmp_path: Path) -> None:
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
def test_a_damaged_line_is_an_error_with_its_file(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("no game\n", encoding="utf-8")
    with pytest.raises(StudyError, match=rf"{name}: is damaged .* --out"):
        GameFile(tmp_path)
