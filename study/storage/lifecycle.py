"""From the stored trials to what comes next: pure, and worked out anew every time.

Nothing about the state of a study is stored besides its trials. A worker that was killed between
any two lines leaves trials behind from which the next worker draws the same conclusion.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from study.storage.records import TrialRecord, latest_by_index

SAME_FAILURES = 100
"""So many failed candidates in a row end the study: the cause is not the candidates."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyState:
    """Where a study stands.

    Args:
        latest: The trial that counts at each place.
        finished: Places with an outcome that cost budget: complete, pruned, failed for good.
        duplicates: Places whose result was reused.
        running: Places that are being trained.
        to_repeat: Places whose trial was lost and that have retries left, lowest first.
        given_up: Places of pruned trials whose continuation was lost too often.
        next_place: The first place nothing was drawn for.
    """

    latest: Mapping[int, TrialRecord]
    finished: tuple[int, ...]
    duplicates: tuple[int, ...]
    running: tuple[int, ...]
    to_repeat: tuple[int, ...]
    next_index: int
    given_up: frozenset[int] = frozenset()


def study_state(records: Sequence[TrialRecord], *, retries: int) -> StudyState:
    """Return where the study stands, from all its trials in number order."""
    latest = latest_by_index(records)
    last = {record.sequence_index: record for record in records}
    losses = Counter(
        record.sequence_index
        for record in records
        if record.lost and not (record.failure and record.failure.kind == "interrupted")
    )
    broken = {
        sequence_index
        for sequence_index in latest
        if last[sequence_index].lost and not latest[sequence_index].lost
    }
    latest |= {
        sequence_index: last[sequence_index]
        for sequence_index in broken
        if losses[sequence_index] <= retries
    }
    finished, duplicates, running, to_repeat = [], [], [], []
    for sequence_index, record in latest.items():
        if record.state in ("running", "waiting"):
            running.append(sequence_index)
        elif record.lost and losses[sequence_index] <= retries:
            to_repeat.append(sequence_index)
        elif record.reused_from is not None:
            duplicates.append(sequence_index)
        else:
            finished.append(sequence_index)
    return StudyState(
        latest=latest,
        finished=tuple(finished),
        duplicates=tuple(duplicates),
        running=tuple(running),
        to_repeat=tuple(to_repeat),
        next_index=max(latest, default=-1) + 1,
        given_up=frozenset(
            sequence_index for sequence_index in broken if losses[sequence_index] > retries
        ),
    )


def same_failures(state: StudyState) -> str | None:
    """Return the common cause if the last hundred trained candidates all failed, else None."""
    last = [state.latest[sequence_index] for sequence_index in state.finished[-SAME_FAILURES:]]
    if len(last) < SAME_FAILURES or any(record.state != "failed" for record in last):
        return None
    causes = Counter(
        f"{record.failure.kind}: {record.failure.text}" for record in last if record.failure
    )
    cause, count = causes.most_common(1)[0] if causes else ("unknown", SAME_FAILURES)
    return f"{SAME_FAILURES} candidates in a row failed, {count} of them with '{cause}'"
