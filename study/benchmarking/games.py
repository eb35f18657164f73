"""Games that were played, kept one by one in a file: what was played is not played again.

A game is a line of JSON, written whole or not at all; a line that a killed process left half
written is dropped. What takes time differs from run to run and lies in a file of its own, so that
the same games make the same bytes however often the comparison was cut off.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from study.benchmarking.play import Played
from study.common.atomic_write import write_text
from study.common.errors import DataError
from study.common.numbers import rounded

GAMES, TIMES = "games.jsonl", "times.jsonl"
DIGITS = 6
"""Decimals kept of regrets, values, costs and seconds; of smaller numbers, so many digits."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class GameKey:
    """What makes a game what it is; equal keys give equal games.

    Args:
        sampler: As given to ``--sampler``.
        seed: The study's seed.
        trials: Trainings.
        table: Digest of the table.
        code: Digest of the code that plays.
    """

    sampler: str
    seed: int
    trials: int
    table: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Game:
    """A game and what it came to.

    Args:
        key: What was played.
        regret: After each training, in percentage points.
        best: After each training, the best observed value.
        cost: After each training, what all so far have cost.
    """

    key: GameKey
    regret: tuple[float, ...]
    best: tuple[float, ...]
    cost: tuple[float, ...]


class GameFile:
    """The games of a folder.

    Args:
        folder: Where they lie; held by this process alone.

    Raises:
        DataError: A line of the files is damaged.
    """

    def __init__(self, folder: Path) -> None:
        self._path, self._times = folder / GAMES, folder / TIMES
        self._games = {game.key: game for game in map(_game, _read(self._path))}
        self._asks: dict[GameKey, tuple[float, ...]] = dict(map(_ask, _read(self._times)))

    @property
    def games(self) -> Mapping[GameKey, Game]:
        """What was played, by its key."""
        return self._games

    @property
    def asks(self) -> Mapping[GameKey, tuple[float, ...]]:
        """Seconds of every proposal, where they were measured."""
        return self._asks

    def add(self, key: GameKey, played: Played) -> None:
        """Keep a game."""
        game = Game(
            key=key,
            regret=_rounded(played.regret),
            best=_rounded(played.best),
            cost=_rounded(played.cost),
        )
        self._games[key], self._asks[key] = game, _rounded(played.ask)
        _append(self._times, {**asdict(key), "ask": self._asks[key]})
        _append(self._path, _flat(game))

    def forget(self, stale: Iterable[GameKey]) -> None:
        """Drop games that other code has played."""
        for key in stale:
            self._games.pop(key, None)
            self._asks.pop(key, None)

    def put_in_order(self) -> None:
        """Write the games anew in the order of their keys."""
        ordered = sorted(self._games)
        write_text(self._path, "".join(_line(_flat(self._games[key])) for key in ordered))
        times = ({**asdict(key), "ask": self._asks[key]} for key in ordered if key in self._asks)
        write_text(self._times, "".join(map(_line, times)))


def _rounded(numbers: Iterable[float]) -> tuple[float, ...]:
    return tuple(rounded(number, DIGITS) for number in numbers)


def _flat(game: Game) -> dict[str, Any]:
    return {
        **asdict(game.key),
        "regret": game.regret,
        "best": game.best,
        "cost": game.cost,
    }


def _line(value: Mapping[str, Any]) -> str:
    return json.dumps(value, separators=(",", ":")) + "\n"


def _append(path: Path, value: Mapping[str, Any]) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(_line(value))
        file.flush()
        os.fsync(file.fileno())


def _read(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a file; a last one that was cut off is removed from it.

    Raises:
        DataError: Another line is no game.
    """
    if not path.exists():
        return []
    whole, _, rest = path.read_text("utf-8", errors="replace").rpartition("\n")
    if rest:
        write_text(path, f"{whole}\n" if whole else "")
    lines = whole.splitlines()
    try:
        return [json.loads(line) for line in lines]
    except json.JSONDecodeError as error:
        message = f"{path}: is damaged ({error.msg}); remove it, or name another folder with --out"
        raise DataError(message) from error


def _game(line: Mapping[str, Any]) -> Game:
    return Game(
        key=_key(line),
        regret=tuple(line["regret"]),
        best=tuple(line["best"]),
        cost=tuple(line["cost"]),
    )


def _ask(line: Mapping[str, Any]) -> tuple[GameKey, tuple[float, ...]]:
    return _key(line), tuple(line["ask"])


def _key(line: Mapping[str, Any]) -> GameKey:
    return GameKey(
        sampler=line["sampler"],
        seed=line["seed"],
        trials=line["trials"],
        table=line["table"],
        code=line["code"],
    )
