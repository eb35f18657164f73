"""From the stored trials to what comes next: pure, and worked out anew every time.

Nothing about the state of a study is stored besides its trials. A worker that was killed between
any two lines leaves trials behind from which the next worker draws the same conclusion.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from study.storage.records import TrialRecord, latest_by_place

SAME_FAILURES = 100
"""So many failed candidates in a row end the study: the cause is not the candidates."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a study stands.

    Args:
        latest: The trial that counts at each place.
        finished: Places with an outcome that cost budget: complete, pruned, failed for good.
        twins: Places whose result was reused.
        running: Places that are being trained.
        to_repeat: Places whose trial was lost and that have retries left, lowest first.
        given_up: Places of pruned trials whose continuation was lost too often.
        next_place: The first place nothing was drawn for.
    """

    latest: Mapping[int, TrialRecord]
    finished: tuple[int, ...]
    twins: tuple[int, ...]
    running: tuple[int, ...]
    to_repeat: tuple[int, ...]
    next_place: int
    given_up: frozenset[int] = frozenset()


def standing(records: Sequence[TrialRecord], *, retries: int) -> Standing:
    """Return where the study stands, from all its trials in number order."""
    latest = latest_by_place(records)
    last = {record.place: record for record in records}
    losses = Counter(
        record.place
        for record in records
        if record.lost and not (record.failure and record.failure.kind == "parked")
    )
    broken = {place for place in latest if last[place].lost and not latest[place].lost}
    latest |= {place: last[place] for place in broken if losses[place] <= retries}
    finished, twins, running, to_repeat = [], [], [], []
    for place, record in latest.items():
        if record.state in ("running", "waiting"):
            running.append(place)
        elif record.lost and losses[place] <= retries:
            to_repeat.append(place)
        elif record.reused_from is not None:
            twins.append(place)
        else:
            finished.append(place)
    return Standing(
        latest=latest,
        finished=tuple(finished),
        twins=tuple(twins),
        running=tuple(running),
        to_repeat=tuple(to_repeat),
        next_place=max(latest, default=-1) + 1,
        given_up=frozenset(place for place in broken if losses[place] > retries),
    )


def same_failures(state: Standing) -> str | None:
    """Return the common cause if the last hundred trained candidates all failed, else None."""
    last = [state.latest[place] for place in state.finished[-SAME_FAILURES:]]
    if len(last) < SAME_FAILURES or any(record.state != "failed" for record in last):
        return None
    causes = Counter(
        f"{record.failure.kind}: {record.failure.text}" for record in last if record.failure
    )
    cause, count = causes.most_common(1)[0] if causes else ("unknown", SAME_FAILURES)
    return f"{SAME_FAILURES} candidates in a row failed, {count} of them with '{cause}'"
