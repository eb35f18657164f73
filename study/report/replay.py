"""The draws of a study, and whether repeated draws are the same, as sections."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from study.benchmarking.replay import ORIGINS, ReplayResult
from study.common.formats import ABSENT, counted, headline, listed, measure, value
from study.report.document import (
    Section,
    Table,
    blocks_of,
    number_column,
    paragraphs,
    text_column,
)
from study.storage.records import Draw, TrialRecord


def draws_table(study: str, records: Sequence[TrialRecord], *, metric: str) -> Table:
    """Return the sequence of draws, each with what was known when it was made.

    Args:
        study: Name of the study.
        records: Its drawn trials, in number order.
        metric: Metric of the objective.
    """
    return Table(
        caption=f"{study}: {counted(len(records), 'draw')} in the order they were made",
        columns=(
            number_column("Trial"),
            number_column("Index"),
            text_column("Drawn"),
            number_column("Redraws", 3),
            text_column("Finished", 2),
            text_column("Running", 2),
            text_column("Candidate"),
            text_column("Result"),
        ),
        rows=tuple(_row(record, metric) for record in records),
    )


def _row(record: TrialRecord, metric: str) -> tuple[str, ...]:
    draw = record.draw
    assert draw is not None
    return (
        str(record.number),
        str(draw.sequence_index),
        _origin(draw),
        str(draw.attempt),
        draw.seen or ABSENT,
        draw.running or ABSENT,
        ", ".join(f"{headline(name)} {value(choice)}" for name, choice in record.params.items()),
        _result(record, metric),
    )


def _origin(draw: Draw) -> str:
    if draw.retry_of is not None:
        return f"repeats trial {draw.retry_of}"
    if draw.continues is not None:
        return f"continues trial {draw.continues}"
    return ORIGINS.get(draw.source, draw.source)


def _result(record: TrialRecord, metric: str) -> str:
    if record.state != "complete":
        return "lost" if record.lost else record.state
    reached = measure(metric, record.objectives[0])
    return (
        reached if record.reused_from is None else f"{reached}, duplicate of {record.reused_from}"
    )


def replay_section(result: ReplayResult) -> Section:
    """Return whether every repeated draw is the same, or the first that is not."""
    return Section(
        anchor="replay", heading="Replay", blocks=blocks_of(paragraphs(_sentences(result)))
    )


def _sentences(result: ReplayResult) -> list[str]:
    draws, different = result.draws, result.different
    if different is not None:
        same = counted(len(draws) - 1, "draw")
        return [
            f"{result.study}: trial {different.number} (sequence index"
            f" {different.sequence_index}) differs from the repeated draw, after {same} that are"
            " the same",
            *different.differences,
        ]
    origins = Counter(draw.origin for draw in draws)
    parts = listed([f"{count} {origin}" for origin, count in origins.items()])
    found = f"{result.study}: {counted(len(draws), 'draw')}, the same bit for bit"
    return [f"{found}: {parts}" if draws else found]
