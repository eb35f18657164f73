"""Work every draw of a stored study out again, and say whether the same candidate comes out.

A trial stores the places that were finished and those that were in training when it was drawn.
That, the study's seed and the trials themselves are all that a draw may depend on; whoever drew
it, in which order, after which crash and with what in memory must not matter.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

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
class Replayed:
    """A draw, worked out again.

    Args:
        record: The trial as it is stored.
        differences: What came out otherwise, a line each; empty where all is the same.
    """

    record: TrialRecord
    differences: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Replay:
    """Replays a stored study.

    Args:
        stored: The study.
        records: All its trials, in number order.

    Raises:
        EvaluationError: Its candidates were listed beforehand.
    """

    stored: StoredStudy
    records: Sequence[TrialRecord]

    def __post_init__(self) -> None:
        if self.stored.settings.plan is not None:
            raise EvaluationError(
                f"study '{self.stored.settings.study}' trains a list of candidates; none was"
                " drawn, so there is nothing to work out again"
            )

    @property
    def drawn(self) -> list[TrialRecord]:
        """The trials that were drawn; those that were lost before are not among them."""
        return [record for record in self.records if record.draw is not None]

    def replayed(self) -> Iterator[Replayed]:
        """Yield every draw, worked out again, in the order the trials were made.

        Raises:
            StudyError: What the study started from is gone.
        """
        for record in self.drawn:
            yield Replayed(record=record, differences=tuple(self._differences(record)))

    def _differences(self, record: TrialRecord) -> list[str]:
        draw = record.draw
        assert draw is not None
        if draw.retry_of is not None:
            return self._other_than_lost(record, draw)
        if draw.continues is not None:
            return self._other_than_pruned(record, draw)
        if unlike := _unlike_all_before(draw):
            return unlike
        state, missing = self._as_seen(record.number, draw)
        if missing:
            return [f"it says that it knew places that no earlier trial has: {ranges(missing)}"]
        try:
            found = self._source(draw.budget).next(state)
        except Exhausted as reason:
            return [f"drawn again: nothing, for {reason}"]
        if found is None:
            return ["drawn again: nothing before a running trial has ended"]
        return _compared(record, draw, found)

    def _other_than_lost(self, record: TrialRecord, draw: Draw) -> list[str]:
        """Compare a repeated trial with the lost one that it repeats."""
        lost = self._before(record, draw.retry_of)
        if lost is None:
            return [f"it repeats trial {draw.retry_of}, which is not there"]
        if not lost.lost:
            return [f"it repeats trial {lost.number}, which was not lost"]
        return _compared_with_earlier(record, draw, lost)

    def _other_than_pruned(self, record: TrialRecord, draw: Draw) -> list[str]:
        """Compare a trial with the pruned one that it goes on with."""
        pruned = self._before(record, draw.continues)
        if pruned is None:
            return [f"it goes on with trial {draw.continues}, which is not there"]
        if pruned.state != "pruned":
            return [f"it goes on with trial {pruned.number}, which was not pruned"]
        return _compared_with_earlier(record, draw, pruned)

    def _before(self, record: TrialRecord, number: int | None) -> TrialRecord | None:
        """Return an earlier trial that was drawn, by its number."""
        earlier = self._by_number.get(-1 if number is None else number)
        if earlier is None or earlier.draw is None or earlier.number >= record.number:
            return None
        return earlier

    @cached_property
    def _by_number(self) -> Mapping[int, TrialRecord]:
        return {record.number: record for record in self.records}

    def _as_seen(self, number: int, draw: Draw) -> tuple[StudyState, list[int]]:
        """Return how the study stood when a trial was drawn, and places that are not there."""
        latest = latest_by_index(record for record in self.records if record.number < number)
        seen, running = unranges(draw.seen), unranges(draw.running)
        known = sorted({*seen, *running})
        missing = [sequence_index for sequence_index in known if sequence_index not in latest]
        latest = {
            sequence_index: latest[sequence_index]
            for sequence_index in known
            if sequence_index in latest
        }
        finished = [sequence_index for sequence_index in seen if sequence_index in latest]
        return (
            StudyState(
                latest=latest,
                finished=tuple(p for p in finished if latest[p].reused_from is None),
                duplicates=tuple(p for p in finished if latest[p].reused_from is not None),
                running=tuple(running),
                to_repeat=(),
                next_index=draw.sequence_index,
            ),
            missing,
        )

    @cached_property
    def _sources(self) -> dict[int | None, CandidateSource]:
        return {}

    def _source(self, budget: int | None) -> CandidateSource:
        """Return what draws in this study where it shall have so many trials."""
        if budget not in self._sources:
            settings = self.stored.settings.with_changes(trials=budget)
            self._sources[budget] = make_source(replace(self.stored, settings=settings))
        return self._sources[budget]


def _unlike_all_before(draw: Draw) -> list[str]:
    """Return a line where a draw did not know every place before its own.

    A new place is drawn only when all before it are finished or being trained: what was lost is
    repeated first.
    """
    known = sorted({*unranges(draw.seen), *unranges(draw.running)})
    if known == list(range(draw.sequence_index)):
        return []
    before = f"0-{draw.sequence_index - 1}" if draw.sequence_index else "none"
    return [f"it says that it knew the places {ranges(known) or 'none'}; before it were {before}"]


def _compared_with_earlier(record: TrialRecord, draw: Draw, earlier: TrialRecord) -> list[str]:
    """Return where a trial differs from an earlier one whose candidate it has."""
    drawn = earlier.draw
    assert drawn is not None
    found = DrawnCandidate(
        values=dict(earlier.params), draw=drawn, candidate_id=earlier.candidate_id
    )
    return [
        *_compared(record, draw, found),
        *_unequal("sequence_index", draw.sequence_index, drawn.sequence_index),
        *_unequal("places seen", draw.seen, drawn.seen),
    ]


def _compared(record: TrialRecord, draw: Draw, found: DrawnCandidate) -> list[str]:
    return [
        *_unequal("values", dict(record.params), found.values),
        *_unequal("candidate", record.candidate_id, found.candidate_id),
        *_unequal("source", draw.source, found.draw.source),
        *_unequal("attempt", draw.attempt, found.draw.attempt),
        *_unequal("notes", draw.notes, found.draw.notes),
    ]


def _unequal(what: str, stored: object, found: object) -> list[str]:
    """Return a line where two things differ in any bit of their stored form."""
    one, other = (_stored_form(value) for value in (stored, found))
    return [] if one == other else [f"{what}: stored {one}, drawn again {other}"]


def _stored_form(value: Any) -> str:
    """Return the value as JSON, in which a float has all its bits and 1 is not 1.0 nor true."""
    return json.dumps(value, sort_keys=True, default=_plain)


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else value.item()
