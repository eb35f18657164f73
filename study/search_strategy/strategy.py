"""A search strategy: a function from the history of a study to the next proposal.

The history is the finished trials in number order, the candidates in training, and the sequence
index of the proposal. Between two calls a strategy keeps only what it can compute again, so a
restart, a replay or another worker gets the same proposal. ``IncrementalState`` keeps it.
"""

from __future__ import annotations

import bisect
import copy
import dataclasses
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Literal, Protocol, TypeVar

import numpy as np

from study.search_space.candidate import Value, Values
from study.search_space.space import SearchSpace

S = TypeVar("S")

Merit = tuple[float, ...]
"""Sort key of a trial, larger is better."""
EVERY = 16
KEPT = 8
"""Observations between two snapshots of a state, and number of snapshots kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One finished trial as a strategy sees it.

    A trial that a crash interrupted is no observation while it can be run again.

    Args:
        number: The trial's number; below 0 for a result of another study. Such a result holds in
            this study if it has a ``candidate_id``.
        outcome: ``failed`` also for a trial that was lost for good.
        scores: The objectives; larger is better, so minimised ones are negated. For a pruned trial
            the last reported value; empty for a failed one.
        step: Last epoch reported.
        candidate_id: Equal ids are duplicates; empty where candidates have none.
        notes: The notes of the proposal.
    """

    number: int
    values: Values
    outcome: Literal["complete", "pruned", "failed"]
    scores: tuple[float, ...] = ()
    step: int | None = None
    candidate_id: str = ""
    notes: Mapping[str, object] = field(default_factory=dict)

    @property
    def identity(self) -> str:
        """The candidate id, or a name of its own where there is none."""
        return self.candidate_id or f"trial {self.number}"

    @property
    def holds_here(self) -> bool:
        """Whether its candidate need not be tried in this study again."""
        return self.number >= 0 or bool(self.candidate_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Everything on which a proposal may depend.

    Args:
        observations: Finished trials in number order.
        running: Values of the candidates in training.
        sequence_index: Position in the study's sequence of candidates, from 0. A repeat of a
            lost trial keeps its index.
        budget: Number of trials of the study; None for no limit.
    """

    space: SearchSpace
    observations: tuple[Observation, ...]
    running: tuple[Values, ...] = ()
    sequence_index: int = 0
    budget: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What to try next: one value for every active parameter.

    Args:
        notes: Facts for the log and for the strategy itself, stored with the trial as JSON.
    """

    values: dict[str, Value]
    notes: Mapping[str, object] = field(default_factory=dict)


class Strategy(Protocol):
    """A function from a history to a proposal."""

    def propose(self, history: History, rng: np.random.Generator) -> Proposal:
        """Return what to try next, or raise ``Exhausted``.

        ``rng`` is derived from the study's seed, the sequence index and the attempt. It is the
        only source of randomness.
        """


class Exhausted(Exception):  # noqa: N818 - an outcome, not an error
    """The strategy has nothing left to propose. The study ends."""


class SequenceEnded(Exhausted):
    """A sequence of points ended, but other candidates may be left."""


def generator(seed: int, *purpose: int | str) -> np.random.Generator:
    """Return the generator for a named purpose, derived from the study's seed."""
    words = [
        word if isinstance(word, int) else int.from_bytes(word.encode(), "little")
        for word in purpose
    ]
    return np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, *words])))


def merit(observation: Observation) -> Merit:
    """Return a sort key, larger is better, for trials of one objective.

    Complete trials are above pruned ones, which are ordered by the step they reached and then by
    their score at it. Failed trials are last.
    """
    if observation.outcome == "failed" or not observation.scores:
        return (0.0, 0.0, 0.0)
    if observation.outcome == "pruned":
        return (1.0, float(observation.step or 0), observation.scores[0])
    return (2.0, 0.0, observation.scores[0])


def rank_quantile(key: Merit, order: Sequence[Merit]) -> float:
    """Return the rank quantile of a merit in a rising order: 1 for the best, 0 for the worst.

    Equal merits share the middle of their ranks; a single one gets 0.5. The result does not
    change under an increasing transformation of the scores.
    """
    if len(order) == 1:
        return 0.5
    low, high = bisect.bisect_left(order, key), bisect.bisect_right(order, key)
    return (low + high - 1) / (2 * (len(order) - 1))


def rank_quantiles(observations: Sequence[Observation]) -> list[float]:
    """Return each trial's rank quantile among all of them."""
    merits = [merit(observation) for observation in observations]
    order = sorted(merits)
    return [rank_quantile(key, order) for key in merits]


def trailing_repeats(observations: Sequence[Observation]) -> int:
    """Return the number of consecutive duplicates at the end."""
    first: dict[str, int] = {}
    for index, observation in enumerate(observations):
        first.setdefault(observation.candidate_id, index)
    repeats = [first[o.candidate_id] != index for index, o in enumerate(observations)]
    return len(list(itertools.takewhile(bool, reversed(repeats))))


def shared_prefix(a: Sequence[Observation], b: Sequence[Observation]) -> int:
    """Return how many observations two histories have in common at their start."""
    for index, (x, y) in enumerate(zip(a, b, strict=False)):
        if x is not y and x != y:
            return index
    return min(len(a), len(b))


def copy_fields(state: S) -> S:
    """Return a copy of a dataclass whose fields are copied one level deep."""
    fields = dataclasses.fields(state)  # type: ignore[arg-type]
    return type(state)(**{f.name: copy.copy(getattr(state, f.name)) for f in fields})


class IncrementalState(Generic[S]):
    """A state that is a pure function of the finished trials, and is cheap to keep up to date.

    The trial of a slow worker may arrive between two known ones, so that the new history does not
    extend the last one. The state then continues from the last snapshot that both share.

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
        kept, self._state = 0, self._start()
        if self._snapshots:
            kept, state = self._snapshots[-1]
            self._state = self._copy(state)
        del self._seen[kept:]
