"""The leaderboard and its kin as tables of text, laid out for a terminal."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from study.common.formats import (
    ABSENT,
    amount,
    counted,
    headline,
    measure,
    metric_headline,
    metric_words,
    short,
    tenths,
    value,
    whole,
)
from study.common.redaction import redacted
from study.report.study_summary import StudySummary
from study.results.describe import (
    architecture_words,
    is_large_space,
    recipe_words,
    space_parameters,
    state_words,
)
from study.results.ranking import RankedTrial, rank_trials
from study.storage.records import TrialRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table of text, for any renderer.

    Args:
        caption: One line that says what it shows.
        headers: Column headings.
        rows: Cells, as many a row as there are headings.
        numeric: Indices of the columns that are set flush right.
        strong: Indices of the rows that stand out; the best.
    """

    caption: str
    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: frozenset[int] = frozenset()
    strong: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class _Column:
    heading: str
    cell: Callable[[RankedTrial], str]
    numeric: bool = True


def leaderboard(
    records: Sequence[TrialRecord], summary: StudySummary, *, top: int | None = None
) -> Table:
    """Return every trial, best first.

    Args:
        records: The study's trials, in any order.
        summary: The study.
        top: Rows to show at most; None for all.
    """
    columns = [
        _Column("Rank", lambda s: ABSENT if s.rank is None else str(s.rank)),
        _Column("Trial", lambda s: str(s.record.number)),
        *_choice_columns(records, summary),
        *_value_columns(summary),
        *_size_columns(summary),
        _Column("Epochs", lambda s: amount(s.record.epochs)),
        _Column("Seconds", lambda s: tenths(s.record.seconds)),
        _Column("State", lambda s: state_words(s.record), numeric=False),
    ]
    shown = rank_trials(records, summary.objectives)[:top]
    return Table(
        caption=_caption(len(records), len(shown), summary),
        headers=tuple(column.heading for column in columns),
        rows=tuple(tuple(column.cell(s) for column in columns) for s in shown),
        numeric=frozenset(i for i, column in enumerate(columns) if column.numeric),
        strong=frozenset(i for i, s in enumerate(shown) if s.rank == 1),
    )


def _choice_columns(records: Sequence[TrialRecord], summary: StudySummary) -> list[_Column]:
    """Return a column a parameter; of a large space, the architecture and recipe in words."""
    parameters = space_parameters(records, summary.parameters)
    if not is_large_space(parameters):
        return [_parameter_column(name, records) for name in parameters]
    architecture = _Column(
        "Architecture",
        lambda s: architecture_words(s.record.architecture) or ABSENT,
        numeric=False,
    )
    recipe = _Column("Recipe", lambda s: recipe_words(s.record.params) or ABSENT, numeric=False)
    return [architecture, recipe]


def _parameter_column(name: str, records: Sequence[TrialRecord]) -> _Column:
    choices = [record.params[name] for record in records if name in record.params]
    numeric = all(isinstance(c, (int, float)) and not isinstance(c, bool) for c in choices)
    return _Column(headline(name), lambda s: value(s.record.params.get(name)), numeric)


def _value_columns(summary: StudySummary) -> list[_Column]:
    return [_value_column(index, o.metric) for index, o in enumerate(summary.objectives)]


def _size_columns(summary: StudySummary) -> list[_Column]:
    """Return what the networks weigh, but for what is an objective and has its column already."""
    sizes = {
        "parameters": _Column("Parameters", lambda s: whole(s.record.parameters)),
        "macs": _Column("MACs", lambda s: short(s.record.macs)),
    }
    objectives = {objective.metric for objective in summary.objectives}
    return [column for name, column in sizes.items() if name not in objectives]


def _value_column(index: int, metric: str) -> _Column:
    def cell(standing: RankedTrial) -> str:
        numbers = standing.record.objectives
        return measure(metric, numbers[index] if index < len(numbers) else None)

    return _Column(metric_headline(metric), cell)


def _caption(trials: int, shown: int, summary: StudySummary) -> str:
    goals = " and ".join(f"{metric_words(o.metric)}, {o.direction}d" for o in summary.objectives)
    some = "" if shown == trials else f", the first {shown}"
    worth = "; estimates, no trainings" if summary.caution else ""
    return f"{summary.name}: {counted(trials, 'trial')}{some}; {goals}{worth}"


def as_text(table: Table, *, below: Sequence[str] = ()) -> str:
    """Return a table in aligned plain text, one line a row, ending in a newline.

    Args:
        table: The table.
        below: Sentences under it, a line each.
    """
    lines = [table.headers, *(tuple(map(_one_line, row)) for row in table.rows)]
    widths = [max(_width(line[i]) for line in lines) for i in range(len(table.headers))]
    out = [_one_line(table.caption), ""]
    for number, line in enumerate(lines):
        out.append(_laid_out(line, widths, table.numeric))
        if number == 0:
            out.append("  ".join("─" * width for width in widths))
    if not table.rows:
        out.append("(nothing yet)")
    if below:
        out += ["", *map(_one_line, below)]
    return redacted("\n".join(out) + "\n")


def _laid_out(cells: Sequence[str], widths: Sequence[int], numeric: frozenset[int]) -> str:
    padded = []
    for index, (cell, width) in enumerate(zip(cells, widths, strict=True)):
        space = " " * (width - _width(cell))
        padded.append(space + cell if index in numeric else cell + space)
    return "  ".join(padded).rstrip()


def _one_line(text: str) -> str:
    """Return text without line breaks and control characters, which would break the layout."""
    return "".join(c if c.isprintable() else " " for c in " ".join(text.split()))


def _width(text: str) -> int:
    """Return the terminal cells a text takes; East Asian wide characters take two."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )
