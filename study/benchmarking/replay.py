"""Repeat every draw of a stored study, and compare the candidates.

A trial stores which sequence indices were finished and which were in training when it was drawn.
A draw depends on these, on the study's seed and on the trials themselves. It does not depend on
the worker, the order of the trials, crashes, or the memory of a process.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from pydantic.dataclasses import dataclass

from study.common.errors import EvaluationError
from study.running.candidate_source.source import CandidateSource, make_source
from study.search_strategy.strategy import Exhausted
from study.storage.lifecycle import StudyState
from study.storage.records import (
    Draw,
    DrawnCandidate,
    TrialRecord,
    latest_by_index,
    ranges,
    unranges,
)
from study.storage.stored_study import StoredStudy


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayedDraw:
    """A draw that was repeated.

    Args:
        number: Number of the trial.
        origin: How the candidate was found, in words.
        differences: One line each; empty if there are none.
    """

    number: int
    sequence_index: int
    origin: str
    differences: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayResult:
    """The repeated draws of a study in the order of its trials, up to the first that differs."""

    study: str
    draws: tuple[ReplayedDraw, ...]

    @property
    def different(self) -> ReplayedDraw | None:
        """The draw that differs, if any."""
        return next((draw for draw in self.draws if draw.differences), None)


ORIGINS = {
    "strategy": "by the strategy",
    "enqueued": "from the list",
    "screened": "by the screen",
    "unvisited": "at random among untried ones",
}


def drawn_trials(records: Sequence[TrialRecord]) -> list[TrialRecord]:
    """Return the trials that have a draw; a trial that was lost before it has none."""
    return [record for record in records if record.draw is not None]


def replay_study(stored: StoredStudy, records: Sequence[TrialRecord]) -> ReplayResult:
    """Return the repeated draws of a study, up to the first that differs.

    Args:
        records: All its trials, in number order.

    Raises:
        StudyError: The study's candidates were listed, or a study that it started from is gone.
    """
    if stored.settings.plan is not None:
        raise EvaluationError(
            f"study '{stored.settings.study}' trains a list of candidates; none was drawn, so"
            " there is nothing to repeat"
        )
    replay = Replay(stored, records)
    draws: list[ReplayedDraw] = []
    for record in drawn_trials(records):
        draws.append(replay.repeat(record))
        if draws[-1].differences:
            break
    return ReplayResult(study=stored.settings.study, draws=tuple(draws))


class Replay:
    """Repeats the draws of a study; all trials are in number order."""

    def __init__(self, stored: StoredStudy, records: Sequence[TrialRecord]) -> None:
        self.stored, self.records = stored, records
        self._by_number = {record.number: record for record in records}
        self._sources: dict[int | None, CandidateSource] = {}

    def repeat(self, record: TrialRecord) -> ReplayedDraw:
        draw = record.draw
        assert draw is not None
        origin = ORIGINS.get(draw.source, draw.source)
        if draw.retry_of is not None:
            origin = "repeated after an interruption"
        elif draw.continues is not None:
            origin = "continued after a prune"
        return ReplayedDraw(
            number=record.number,
            sequence_index=draw.sequence_index,
            origin=origin,
            differences=tuple(self._differences(record)),
        )

    def _differences(self, record: TrialRecord) -> list[str]:
        draw = record.draw
        assert draw is not None
        if draw.retry_of is not None:
            return self._compared_with_earlier(record, "lost", draw.retry_of)
        if draw.continues is not None:
            return self._compared_with_earlier(record, "pruned", draw.continues)
        if unlike := _unlike_all_before(draw):
            return unlike
        state, missing = self._as_seen(record.number, draw)
        if missing:
            return [f"stored as known, but of no earlier trial: {ranges(missing)}"]
        try:
            found = self._source(draw.budget).next(state)
        except Exhausted as reason:
            return [f"repeated draw: none; {reason}"]
        if found is None:
            return ["repeated draw: none before a running trial ends"]
        return _compared(record, draw, found)

    def _compared_with_earlier(
        self, record: TrialRecord, kind: Literal["lost", "pruned"], number: int
    ) -> list[str]:
        """Return the differences between a trial and the earlier one that it repeats or continues.

        Args:
            record: The trial.
            kind: What the earlier trial must be. A lost one is repeated, a pruned one continued.
            number: Number of the earlier trial.
        """
        verb = "repeats" if kind == "lost" else "continues"
        earlier = self._by_number.get(number)
        if earlier is None or earlier.draw is None or number >= record.number:
            return [f"it {verb} trial {number}, which does not exist"]
        if not (earlier.lost if kind == "lost" else earlier.state == "pruned"):
            return [f"it {verb} trial {number}, which was not {kind}"]
        draw, drawn = record.draw, earlier.draw
        assert draw is not None
        found = DrawnCandidate(
            values=dict(earlier.params), draw=drawn, candidate_id=earlier.candidate_id
        )
        return [
            *_compared(record, draw, found),
            *_unequal("sequence_index", draw.sequence_index, drawn.sequence_index),
            *_unequal("known indices", draw.seen, drawn.seen),
        ]

    def _as_seen(self, number: int, draw: Draw) -> tuple[StudyState, list[int]]:
        """Return the state when a trial was drawn, and the known indices that no trial has."""
        earlier = latest_by_index(record for record in self.records if record.number < number)
        seen, running = unranges(draw.seen), unranges(draw.running)
        known = sorted({*seen, *running})
        finished = [index for index in seen if index in earlier]
        state = StudyState(
            latest={index: earlier[index] for index in known if index in earlier},
            finished=tuple(i for i in finished if earlier[i].reused_from is None),
            duplicates=tuple(i for i in finished if earlier[i].reused_from is not None),
            running=tuple(running),
            to_repeat=(),
            next_index=draw.sequence_index,
        )
        return state, [index for index in known if index not in earlier]

    def _source(self, budget: int | None) -> CandidateSource:
        """Return the candidate source of this study with this number of trials."""
        if budget not in self._sources:
            settings = self.stored.settings.with_changes(trials=budget)
            self._sources[budget] = make_source(replace(self.stored, settings=settings))
        return self._sources[budget]


def _unlike_all_before(draw: Draw) -> list[str]:
    """Return a line if a draw did not know every sequence index before its own.

    A new candidate is drawn only when all before it are finished or in training, because a lost
    trial is repeated first.
    """
    known = sorted({*unranges(draw.seen), *unranges(draw.running)})
    if known == list(range(draw.sequence_index)):
        return []
    before = f"0-{draw.sequence_index - 1}" if draw.sequence_index else "none"
    return [f"stored as known: {ranges(known) or 'none'}; sequence indices before it: {before}"]


def _compared(record: TrialRecord, draw: Draw, found: DrawnCandidate) -> list[str]:
    return [
        *_unequal("values", dict(record.params), found.values),
        *_unequal("candidate", record.candidate_id, found.candidate_id),
        *_unequal("source", draw.source, found.draw.source),
        *_unequal("attempt", draw.attempt, found.draw.attempt),
        *_unequal("notes", draw.notes, found.draw.notes),
    ]


def _unequal(what: str, stored: object, found: object) -> list[str]:
    """Return a line if two values differ as JSON, which distinguishes 1, 1.0 and true."""
    one, other = (json.dumps(v, sort_keys=True, default=_plain) for v in (stored, found))
    return [] if one == other else [f"{what}: stored {one}, repeated {other}"]


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else value.item()
