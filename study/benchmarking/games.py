"""The games of a folder, one JSON line each, so that no game is played twice.

A last line that a killed process left incomplete is dropped. Times differ from run to run. They
are in a file of their own, so that the same games give the same bytes after any interruption.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from study.benchmarking.game import Game
from study.common.atomic_write import write_text
from study.common.errors import DataError
from study.common.formats import rounded

GAMES, TIMES = "games.jsonl", "times.jsonl"
DIGITS = 6
"""Decimals that are kept of regrets, values, costs and seconds; significant digits below 1."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class GameKey:
    """What identifies a game: equal keys give equal games.

    Args:
        sampler: As given to ``--sampler``.
        trials: Number of trainings.
        table: Digest of the table.
        code: Digest of the code that plays.
    """

    sampler: str
    seed: int
    trials: int
    table: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _GameLine:
    key: GameKey
    regret: tuple[float, ...]
    best: tuple[float, ...]
    cost: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _TimeLine:
    key: GameKey
    ask: tuple[float, ...]


_GAME_LINE = TypeAdapter(_GameLine)
_TIME_LINE = TypeAdapter(_TimeLine)


class GameFile:
    """The games of a folder, which no other process may write to at the same time.

    ``ask`` of a game is empty if its times are lost.
    """

    def __init__(self, folder: Path) -> None:
        self._path, self._times = folder / GAMES, folder / TIMES
        asks = {line.key: line.ask for line in _read(self._times, _TIME_LINE)}
        self.games = {
            line.key: Game(
                regret=line.regret, best=line.best, cost=line.cost, ask=asks.get(line.key, ())
            )
            for line in _read(self._path, _GAME_LINE)
        }

    def add(self, key: GameKey, game: Game) -> None:
        kept = Game(**{name: _rounded(numbers) for name, numbers in asdict(game).items()})
        self.games[key] = kept
        _append(self._times, _time_line(key, kept))
        _append(self._path, _game_line(key, kept))

    def put_in_order(self) -> None:
        """Write the games again in the order of their keys."""
        games = sorted(self.games.items(), key=lambda item: item[0])
        write_text(self._path, "".join(_game_line(key, game) for key, game in games))
        write_text(self._times, "".join(_time_line(key, game) for key, game in games if game.ask))


def _rounded(numbers: Iterable[float]) -> tuple[float, ...]:
    return tuple(rounded(float(number), DIGITS) for number in numbers)


def _game_line(key: GameKey, game: Game) -> str:
    line = _GameLine(key=key, regret=game.regret, best=game.best, cost=game.cost)
    return _GAME_LINE.dump_json(line).decode() + "\n"


def _time_line(key: GameKey, game: Game) -> str:
    return _TIME_LINE.dump_json(_TimeLine(key=key, ask=game.ask)).decode() + "\n"


def _append(path: Path, line: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(line)
        file.flush()
        os.fsync(file.fileno())


def _read(path: Path, adapter: TypeAdapter[Any]) -> list[Any]:
    """Return the lines of a file; an incomplete last one is removed from the file."""
    if not path.exists():
        return []
    whole, _, rest = path.read_text("utf-8", errors="replace").rpartition("\n")
    if rest:
        write_text(path, f"{whole}\n" if whole else "")
    try:
        return [adapter.validate_json(line) for line in whole.splitlines()]
    except ValidationError as error:
        reason = error.errors()[0]["msg"]
        raise DataError(
            f"{path}: is damaged ({reason}); remove it, or choose another folder with --out"
        ) from error
