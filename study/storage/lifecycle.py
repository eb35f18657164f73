"""The state of a study, as a pure function of its stored trials.

Nothing else about the state is stored. After a kill between any two lines the next worker computes
the same state from the trials.

The states of a trial::

    drawn --> duplicate     complete at once, with the result of an earlier trial (``reused_from``)
      |
      +-----> running --+-> complete
                        |
                        +-> pruned ------> promoted: a new trial continues it (``continues``)
                        |
                        +-> failed         out of memory, non-finite loss, ...: it counts
                        |
                        +-> interrupted -> repeated by a new trial (``retry_of``); never a loss
                        |
                        +-> lost --------> repeated, up to ``retries`` times, then it counts
                                           (killed, crashed, or no heartbeat)

The new trial of a promoted, interrupted or lost one has the same sequence index and continues from
the checkpoint. Complete, pruned and failed trials, and trials lost too often, use up the budget of
trials. Duplicates do not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from study.storage.records import TrialRecord, latest_by_index

SAME_FAILURES = 100
"""Failed candidates in a row that end the study, because the candidates are not the cause."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyState:
    """The state of a study. All numbers are sequence indices.

    Args:
        latest: The trial that counts for each index.
        finished: Trials that use up the budget: complete, pruned or finally failed.
        duplicates: Trials that reuse a result.
        to_repeat: Lost trials with retries left, and interrupted ones, lowest first.
        next_index: The first index without a trial.
        given_up: Pruned trials whose promotion was lost too often.
    """

    latest: Mapping[int, TrialRecord]
    finished: tuple[int, ...]
    duplicates: tuple[int, ...]
    running: tuple[int, ...]
    to_repeat: tuple[int, ...]
    next_index: int
    given_up: frozenset[int] = frozenset()


def study_state(records: Sequence[TrialRecord], *, retries: int) -> StudyState:
    """Return the state of a study from all its trials, in number order."""
    latest = latest_by_index(records)
    last = {record.sequence_index: record for record in records}
    losses = Counter(
        record.sequence_index
        for record in records
        if record.lost and not (record.failure and record.failure.kind == "interrupted")
    )
    broken = {index for index in latest if last[index].lost and not latest[index].lost}
    latest |= {index: last[index] for index in broken if losses[index] <= retries}
    finished, duplicates, running, to_repeat = [], [], [], []
    for index, record in latest.items():
        if record.state in ("running", "waiting"):
            running.append(index)
        elif record.lost and losses[index] <= retries:
            to_repeat.append(index)
        elif record.reused_from is not None:
            duplicates.append(index)
        else:
            finished.append(index)
    return StudyState(
        latest=latest,
        finished=tuple(finished),
        duplicates=tuple(duplicates),
        running=tuple(running),
        to_repeat=tuple(to_repeat),
        next_index=max(latest, default=-1) + 1,
        given_up=frozenset(index for index in broken if losses[index] > retries),
    )


def same_failures(state: StudyState) -> str | None:
    """Return the most common cause if the last hundred trained candidates all failed."""
    last = [state.latest[index] for index in state.finished[-SAME_FAILURES:]]
    if len(last) < SAME_FAILURES or any(record.state != "failed" for record in last):
        return None
    causes = Counter(
        f"{record.failure.kind}: {record.failure.text}" for record in last if record.failure
    )
    cause, count = causes.most_common(1)[0] if causes else ("unknown", SAME_FAILURES)
    return f"{SAME_FAILURES} candidates in a row failed, {count} of them with '{cause}'"
