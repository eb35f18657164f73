"""Tables of trials: the leaderboard, the Pareto front, the failures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from study.common.formats import (
    ABSENT,
    amount,
    counted,
    describe_metric,
    headline,
    measure,
    metric_headline,
    short,
    tenths,
    value,
    whole,
)
from study.report.document import Column, Table, number_column, text_column
from study.report.study_summary import StudySummary
from study.results.describe import (
    describe_architecture,
    describe_choices,
    describe_recipe,
    describe_state,
    is_large_space,
    space_parameters,
)
from study.results.ranking import RankedTrial, pareto_front, rank_trials
from study.storage.records import TrialRecord, ranges

Cell = Callable[[RankedTrial], str]
"""Returns the text of a cell of the leaderboard."""


@dataclass(frozen=True, slots=True)
class _Field:
    column: Column
    cell: Cell


def leaderboard(
    records: Sequence[TrialRecord], summary: StudySummary, *, top: int | None = None
) -> Table:
    """Return every trial, best first.

    Args:
        records: The study's trials, in any order.
        summary: The study.
        top: Rows to show at most; None for all.
    """
    fields = [
        _Field(number_column("Rank"), lambda r: ABSENT if r.rank is None else str(r.rank)),
        _Field(number_column("Trial"), lambda r: str(r.record.number)),
        *_choice_fields(records, summary),
        *(_value_field(index, o.metric) for index, o in enumerate(summary.objectives)),
        *_size_fields(summary),
        _Field(number_column("Epochs", 2), lambda r: amount(r.record.epochs)),
        _Field(number_column("Seconds", 2), lambda r: tenths(r.record.seconds)),
        _Field(text_column("State"), lambda r: describe_state(r.record)),
    ]
    shown = rank_trials(records, summary.objectives)[:top]
    return Table(
        caption=_caption(len(records), len(shown), summary),
        columns=tuple(field.column for field in fields),
        rows=tuple(tuple(field.cell(ranked) for field in fields) for ranked in shown),
        strong=frozenset(i for i, ranked in enumerate(shown) if ranked.rank == 1),
    )


def _choice_fields(records: Sequence[TrialRecord], summary: StudySummary) -> list[_Field]:
    """Return a field for each parameter; for a large space, the architecture and the recipe."""
    parameters = space_parameters(records, summary.parameters)
    if not is_large_space(parameters):
        return [_parameter_field(name, records) for name in parameters]
    return [
        _Field(
            text_column("Architecture"),
            lambda r: describe_architecture(r.record.architecture) or ABSENT,
        ),
        _Field(text_column("Recipe", 4), lambda r: describe_recipe(r.record.params) or ABSENT),
    ]


def _parameter_field(name: str, records: Sequence[TrialRecord]) -> _Field:
    choices = [record.params[name] for record in records if name in record.params]
    numeric = all(isinstance(c, (int, float)) and not isinstance(c, bool) for c in choices)
    column = Column(heading=headline(name), numeric=numeric)
    return _Field(column, lambda r: value(r.record.params.get(name)))


def _value_field(index: int, metric: str) -> _Field:
    def cell(ranked: RankedTrial) -> str:
        numbers = ranked.record.objectives
        return measure(metric, numbers[index] if index < len(numbers) else None)

    return _Field(number_column(metric_headline(metric)), cell)


def _size_fields(summary: StudySummary) -> list[_Field]:
    """Return the network's sizes, without those that are objectives and have a column already."""
    sizes = {
        "parameters": _Field(number_column("Parameters", 1), lambda r: whole(r.record.parameters)),
        "macs": _Field(number_column("MACs", 3), lambda r: short(r.record.macs)),
    }
    objectives = {objective.metric for objective in summary.objectives}
    return [field for name, field in sizes.items() if name not in objectives]


def _caption(trials: int, shown: int, summary: StudySummary) -> str:
    goals = " and ".join(
        f"{describe_metric(o.metric)}, {o.direction}d" for o in summary.objectives
    )
    some = "" if shown == trials else f", the first {shown}"
    worth = "; estimates, no trainings" if summary.caution else ""
    return f"{summary.name}: {counted(trials, 'trial')}{some}; {goals}{worth}"


def front_table(records: Sequence[TrialRecord], summary: StudySummary) -> Table | None:
    """Return the Pareto front by the first objective; None for one objective."""
    if len(summary.objectives) < 2:
        return None
    metrics = [objective.metric for objective in summary.objectives]
    return Table(
        caption="The Pareto front: no other candidate is better in one and as good in the rest",
        columns=(
            number_column("Trial"),
            *(number_column(metric_headline(metric)) for metric in metrics),
            text_column("Network"),
            text_column("What was chosen", 1),
        ),
        rows=tuple(
            (
                str(record.number),
                *(measure(m, n) for m, n in zip(metrics, record.objectives, strict=True)),
                describe_architecture(record.architecture) or ABSENT,
                describe_choices(record, summary.parameters),
            )
            for record in pareto_front(records, summary.objectives)
        ),
    )


def failures_table(records: Sequence[TrialRecord]) -> Table:
    """Return the kinds of failures and of losses, the most frequent first."""
    kinds: dict[str, list[TrialRecord]] = {}
    for record in records:
        if record.state == "failed":
            kind = "" if record.failure is None else record.failure.kind
            kinds.setdefault(kind, []).append(record)
    return Table(
        caption="Trials that failed, and trials that were lost and run again",
        columns=(
            text_column("Kind"),
            number_column("Trials"),
            text_column("Which"),
            text_column("Message of the last one"),
        ),
        rows=tuple(
            (
                f"{kind or 'unknown'}, {'lost' if group[-1].lost else 'failed'}",
                f"{len(group):,}",
                ranges(record.number for record in group),
                _message(group[-1]) or ABSENT,
            )
            for kind, group in sorted(kinds.items(), key=lambda item: -len(item[1]))
        ),
    )


def _message(record: TrialRecord) -> str:
    return "" if record.failure is None else " ".join(record.failure.text.split())
