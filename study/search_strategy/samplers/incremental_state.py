"""A state that is a pure function of the finished trials, and is cheap to keep up to date."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from study.search_strategy.strategy import Observation

S = TypeVar("S")

EVERY = 16
KEPT = 8
"""Observations between two snapshots, and number of snapshots kept."""


def copy_fields(state: S) -> S:
    """Return a copy of a dataclass whose fields are copied one level deep."""
    fields = dataclasses.fields(state)  # type: ignore[arg-type]
    return type(state)(**{f.name: copy.copy(getattr(state, f.name)) for f in fields})


class IncrementalState(Generic[S]):
    """Applies ``step`` to each observation, continuing from the result of an earlier call.

    The result is the same as from the start. The trial of a slow worker may arrive between two
    known ones, so that the new history does not extend the last one. The state then continues from
    the last snapshot that both share.

    Args:
        step: Changes the state by one observation.
        copy: Returns a copy that later steps do not change.
    """

    def __init__(
        self,
        *,
        start: Callable[[], S],
        step: Callable[[S, Observation], None],
        copy: Callable[[S], S] = copy_fields,
    ) -> None:
        self._start, self._step, self._copy = start, step, copy
        self._seen: list[Observation] = []
        self._state = start()
        self._snapshots: list[tuple[int, S]] = []

    def over(self, observations: Sequence[Observation]) -> S:
        """Return the state after these observations. The caller must not change it."""
        shared = shared_prefix(self._seen, observations)
        if shared < len(self._seen):
            self._go_back(shared)
        for observation in observations[len(self._seen) :]:
            self._step(self._state, observation)
            self._seen.append(observation)
            if len(self._seen) % EVERY == 0:
                self._snapshots.append((len(self._seen), self._copy(self._state)))
                del self._snapshots[:-KEPT]
        return self._state

    def _go_back(self, length: int) -> None:
        while self._snapshots and self._snapshots[-1][0] > length:
            self._snapshots.pop()
        if self._snapshots:
            kept, state = self._snapshots[-1]
            self._state = self._copy(state)
        else:
            kept, self._state = 0, self._start()
        del self._seen[kept:]


def shared_prefix(a: Sequence[Observation], b: Sequence[Observation]) -> int:
    """Return how many observations two histories have in common at their start."""
    for index, (x, y) in enumerate(zip(a, b, strict=False)):
        if x is not y and x != y:
            return index
    return min(len(a), len(b))
