"""A replayed study in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from study.benchmarking.replaying import Replayed
from study.common.formats import ABSENT, counted, headline, listed, measure, value
from study.report.table import Table, as_text
from study.storage.records import Draw, TrialRecord

SOURCES = {
    "strategy": "by the strategy",
    "enqueued": "from the list",
    "screened": "by the screen",
    "unvisited": "at random among untried ones",
}


def sequence_text(name: str, records: Sequence[TrialRecord], *, metric: str) -> str:
    """Return the sequence of draws as a table, each with what was known when it was drawn.

    Args:
        name: The study's.
        records: Its drawn trials, in number order.
        metric: What a value is of.
    """
    return as_text(
        Table(
            caption=f"{name}: {counted(len(records), 'draw')} in the order they were made",
            headers=("Trial", "Place", "Drawn", "Redraws", "Knew", "Running", "Candidate", "Came"),
            rows=tuple(_row(record, metric) for record in records),
            numeric=frozenset({0, 1, 3}),
        )
    )


def _row(record: TrialRecord, metric: str) -> tuple[str, ...]:
    draw = record.draw
    assert draw is not None
    return (
        str(record.number),
        str(draw.sequence_index),
        _drawn(draw),
        str(draw.attempt),
        draw.seen or ABSENT,
        draw.running or ABSENT,
        ", ".join(f"{headline(name)} {value(choice)}" for name, choice in record.params.items()),
        _outcome(record, metric),
    )


def _drawn(draw: Draw) -> str:
    if draw.retry_of is not None:
        return f"repeats trial {draw.retry_of}"
    if draw.continues is not None:
        return f"goes on with trial {draw.continues}"
    return SOURCES.get(draw.source, draw.source)


def _outcome(record: TrialRecord, metric: str) -> str:
    if record.state != "complete":
        return "lost" if record.lost else record.state
    came = measure(metric, record.objectives[0])
    return came if record.reused_from is None else f"{came}, twin of {record.reused_from}"


def same_text(name: str, replayed: Sequence[Replayed]) -> str:
    """Return that every draw came out as it is stored."""
    draws = [one.record.draw for one in replayed if one.record.draw is not None]
    kinds = Counter(map(_kind, draws))
    parts = [f"{count} {kind}" for kind, count in kinds.items()]
    told = f": {listed(parts)}" if parts else ""
    return f"{name}: {counted(len(draws), 'draw')}, the same bit for bit{told}\n"


def _kind(draw: Draw) -> str:
    if draw.retry_of is not None:
        return "repeated after a loss"
    if draw.continues is not None:
        return "continued after a prune"
    return SOURCES.get(draw.source, draw.source)


def difference_text(name: str, replayed: Replayed, *, before: int) -> str:
    """Return the first draw that came out otherwise.

    Args:
        name: The study's.
        replayed: The draw.
        before: Draws before it that came out the same.
    """
    lines = "".join(f"  {line}\n" for line in replayed.differences)
    return (
        f"{name}: trial {replayed.record.number} (sequence index"
        f" {replayed.record.sequence_index}) differs"
        f" from the repeated draw, after {counted(before, 'draw')} that are the same\n{lines}"
    )
